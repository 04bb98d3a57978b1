"""Checks of what a plugin provides besides architectures."""

from __future__ import annotations

import difflib
import inspect
import json
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.engine.observers import Observer
from ganzoo.entries import Entry, ExtractorEntry, KindEntry
from ganzoo.errors import GanzooError, WorkFailed
from ganzoo.game import Game
from ganzoo.kinds import Kind
from ganzoo.measure.features import Extractor
from ganzoo.models.load import load
from ganzoo.objectives import Objective
from ganzoo.plugins import catalogue
from ganzoo.spec import SampleSpec
from ganzoo.testing.check import Fault, NotHere, calling


def target(entry: Entry) -> None:
    """What is behind the entry can be imported and called."""
    _loaded(entry)


def _loaded(entry: Entry) -> Any:
    try:
        return entry.load()
    except GanzooError as error:
        raise Fault(f"{entry.name}: target", "an import that succeeds", str(error)) from error


def _class(entry: Entry, base: type) -> Any:
    found = _loaded(entry)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise Fault(f"{entry.name}: target", f"a subclass of ganzoo.{base.__name__}", repr(found))
    return found


def objective(entry: Entry) -> None:
    """The objective's terms are finite scalars that both players can learn from."""
    found = _class(entry, Objective)
    torch.manual_seed(0)
    generator, discriminator = nn.Linear(3, 4), nn.Linear(4, 1)
    latent, real = torch.randn(8, 3), torch.randn(8, 4)
    fake = generator(latent)
    game = Game(real, fake, latent, None, generator, discriminator)
    with calling(f"{entry.name}: Config"):
        made = found(found.Config())
    for method, network in (
        ("discriminator_terms", discriminator),
        ("generator_terms", generator),
    ):
        with calling(f"{entry.name}: {method}"):
            terms = getattr(made, method)(game)
            loss = torch.stack([term.float() for term in terms.values()]).sum()
            gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
        if not loss.isfinite() or not any(gradient.any() for gradient in gradients):
            raise Fault(f"{entry.name}: {method}", "a finite loss with a gradient", f"{loss}")


def kind(entry: Entry) -> None:
    """Each example of the kind survives JSON, and samples of it are written with every suffix."""
    found = _class(entry, Kind)
    with calling(f"{entry.name}: examples"):
        examples = found.examples()
    if not examples:
        raise Fault(f"{entry.name}: examples", "at least one spec", "none")
    for spec in examples:
        with calling(f"{entry.name}: examples"):
            again = SampleSpec.from_json(json.loads(json.dumps(spec.to_json())))
        if again != spec:
            raise Fault(f"{entry.name}: examples", f"{spec} after JSON", f"{again}")
        if spec.kind != entry.name:
            raise Fault(f"{entry.name}: examples", f"specs of kind {entry.name!r}", repr(spec.kind))
        with calling(f"{entry.name}: __init__"):
            made = found(again)
        samples = torch.randn(3, *spec.shape, generator=torch.Generator().manual_seed(0))
        for suffix in found.suffixes:
            with calling(f"{entry.name}: render {suffix}"):
                content = made.render(samples, suffix)
            if not isinstance(content, bytes) or not content:
                raise Fault(f"{entry.name}: render {suffix}", "bytes", type(content).__name__)


def model(entry: Entry) -> None:
    """The model loads and makes finite samples."""
    with calling(f"{entry.name}: load"):
        samples = load(entry.target).sample(4)
    if not samples.isfinite().all():
        raise Fault(f"{entry.name}: sample", "finite values", "NaN or infinity")


def observer(entry: Entry) -> None:
    """The observer can be made without arguments, and its methods are those that are called."""
    found = _class(entry, Observer)
    events = {name: event for name, event in vars(Observer).items() if not name.startswith("_")}
    for name, method in vars(found).items():
        if name in events and callable(method):
            given, wanted = (inspect.signature(m) for m in (method, events[name]))
            try:
                given.bind(*wanted.parameters)
            except TypeError as error:
                raise Fault(f"{entry.name}: {name}", f"{name}{wanted}", f"{name}{given}") from error
        near = difflib.get_close_matches(name, events, n=1, cutoff=0.8)
        if near and name not in events and callable(method):
            raise Fault(f"{entry.name}: {name}", f"an event, such as {near[0]!r}", repr(name))
    with calling(f"{entry.name}: its __init__"):
        found()


def extractor(entry: Entry) -> None:
    """The extractor gives one finite row a sample, the same in each batch, and its classes."""
    assert isinstance(entry, ExtractorEntry)
    try:
        with calling(f"{entry.name}: target"):
            found = _loaded(entry)(None)
    except Fault as fault:
        if isinstance(fault.__cause__, WorkFailed):  # weights that have to be downloaded
            raise NotHere(str(fault.__cause__)) from None
        raise
    if not isinstance(found, Extractor) or not found.name:
        raise Fault(f"{entry.name}: target", "a ganzoo.Extractor with a name", repr(found))
    samples = _samples_for(entry)
    with calling(f"{entry.name}: features"):
        whole, parts = found(samples), [found(part) for part in samples.split(3)]
    # Shapes, types, classes and finite values are held against it when it is called.
    alone = torch.cat([part.values for part in parts])
    if not torch.allclose(whole.values, alone, atol=1e-3):
        raise Fault(f"{entry.name}: values", "the same row for a sample in any batch", "another")


def _samples_for(entry: ExtractorEntry) -> Tensor:
    """A few samples of a kind that the extractor takes."""
    kind = entry.kinds[0] if entry.kinds else "array"
    rng = torch.Generator().manual_seed(0)
    if kind == "image":
        channels = entry.channels[0] if entry.channels else 3
        return torch.randint(0, 256, (7, channels, 32, 32), generator=rng, dtype=torch.uint8)
    shape = catalogue().find(KindEntry, kind).load().examples()[0].shape
    return torch.rand(7, *shape, generator=rng)


def command(entry: Entry) -> None:
    """The command is a click.Command with a help text."""
    import click

    found = _loaded(entry)
    if not isinstance(found, click.Command):
        raise Fault(f"{entry.name}: target", "a click.Command", repr(found))
    if not found.help:
        raise Fault(f"{entry.name}: help", "a docstring, which is the help text", "none")
