"""Checks of what a plugin provides besides architectures."""

from __future__ import annotations

import copy
import difflib
import inspect
import json
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.engine.observers import Observer
from ganzoo.engine.rehearsal import check_terms
from ganzoo.entries import (
    AugmentationEntry,
    CommandEntry,
    ExtractorEntry,
    KindEntry,
    ModelEntry,
    ObjectiveEntry,
    ObserverEntry,
    OptimizerEntry,
    PenaltyEntry,
    ScheduleEntry,
)
from ganzoo.entry import Entry
from ganzoo.errors import GanzooError
from ganzoo.game import Game, Networks
from ganzoo.kinds import Kind, kind_of
from ganzoo.measure.features import Extractor
from ganzoo.models.load import load
from ganzoo.plugins import catalogue
from ganzoo.spec import ImageSizes, SampleSpec
from ganzoo.testing.check import Fault, NotHere, calling
from ganzoo.testing.device import terms_without_values
from ganzoo.training import PLAYERS, Training


def target(entry: Entry) -> None:
    """What is behind the entry can be imported and called."""
    _loaded(entry)


def _loaded(entry: Entry) -> Any:
    try:
        return entry.load()
    except GanzooError as error:
        raise Fault(f"{entry.name}: target", "an import that succeeds", str(error)) from error


def objective(entry: ObjectiveEntry) -> None:
    """The objective's terms are finite scalars that both players can learn from, on any device."""
    objective_type = _loaded(entry)
    game = _small_game()
    with calling(f"{entry.name}: Config"):
        objective = objective_type(objective_type.Config())
    networks = Networks(game.generator, game.discriminator, objective=objective)
    with calling(f"{entry.name}: setup"):
        objective.setup(networks)
    for player, network in (("discriminator", game.discriminator), ("generator", game.generator)):
        method = f"{entry.name}: {player}_terms"
        with calling(method):
            terms = objective.terms(player, game)
        check_terms(method, terms)
        _check_gradient(method, torch.stack([t.float() for t in terms.values()]).sum(), network)
    terms_without_values(networks, game)


def _small_game() -> Game:
    """A round between two perceptrons."""
    torch.manual_seed(0)
    generator = nn.Linear(3, 4)
    discriminator = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))
    latent, real = torch.randn(8, 3), torch.randn(8, 4)
    return Game(real, generator(latent), latent, None, generator, discriminator)


def _check_gradient(method: str, loss: Tensor, network: nn.Module) -> None:
    with calling(method):
        gradients = torch.autograd.grad(
            loss, list(network.parameters()), retain_graph=True, allow_unused=True
        )
    if not loss.isfinite() or not any(g is not None and g.any() for g in gradients):
        raise Fault(method, "a finite loss with a gradient", f"{float(loss):g}")


def penalty(entry: PenaltyEntry) -> None:
    """The penalty is one finite number, with a gradient for the discriminator, on any device."""
    compute, game, method = _loaded(entry), _small_game(), f"{entry.name}: target"
    with calling(method):
        term = compute(game)
    check_terms(method, {"penalty": term})
    _check_gradient(method, term, game.discriminator)


def optimizer(entry: OptimizerEntry) -> None:
    """The optimizer moves all parameters that it is given, and goes on from its state_dict."""
    make, training, method = _loaded(entry), Training(), f"{entry.name}: target"
    for player in PLAYERS:
        parameters = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2, 2))]
        with calling(method):
            first = make(parameters, 0.01, training, player)
        if not isinstance(first, torch.optim.Optimizer):
            raise Fault(method, "a torch.optim.Optimizer", repr(first)[:80])
        held = {id(p) for group in first.param_groups for p in group["params"]}
        if held != {id(p) for p in parameters}:
            raise Fault(method, "an optimizer of all parameters that it is given", "one of others")
        with calling(f"{method}: step"):
            _step(first, parameters)
        if any(bool((p == 1).all()) or not p.isfinite().all() for p in parameters):
            raise Fault(f"{method}: step", "every parameter moved, to finite values", "others")
        copies = [nn.Parameter(p.detach().clone()) for p in parameters]
        with calling(f"{method}: load_state_dict"):
            second = make(copies, 0.01, training, player)
            second.load_state_dict(copy.deepcopy(first.state_dict()))
            _step(first, parameters)
            _step(second, copies)
        if not all(torch.equal(p, q) for p, q in zip(parameters, copies, strict=True)):
            raise Fault(f"{method}: state_dict", "the same step from the same state", "another")


def _step(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.grad = torch.linspace(0.5, 1, parameter.numel()).view_as(parameter)
    optimizer.step()


def schedule(entry: ScheduleEntry) -> None:
    """The schedule's factor is finite, not negative, and follows from the step alone."""
    factor, training, method = _loaded(entry), Training(steps=100), f"{entry.name}: target"
    for step in (0, 1, 50, 99, 100, 150):  # a run that is extended goes further
        with calling(method):
            first, again = factor(step, training), factor(step, training)
        if not isinstance(first, int | float) or not 0 <= first < float("inf"):
            raise Fault(method, f"a finite number from 0 up for step {step} of 100", repr(first))
        if first != again:
            raise Fault(method, "the same factor for the same step", f"{first} and {again}")


def augmentation(entry: AugmentationEntry) -> None:
    """The augmentation keeps shapes, lets a gradient pass, changes nothing in place, and takes all
    its chance from each sample's own draws."""
    augment, method = _loaded(entry), f"{entry.name}: target"
    example = (
        catalogue()
        .find(KindEntry, (entry.kinds or ("array",))[0])
        .load()
        .examples(ImageSizes((16,)))[0]
    )
    rng = torch.Generator().manual_seed(0)
    samples = torch.rand(6, *example.shape, generator=rng).mul(2).sub(1).requires_grad_()
    draws = torch.rand(6, entry.draws, generator=rng)
    before = samples.detach().clone()
    with calling(method):
        changed, again = augment(samples, draws), augment(samples, draws)
        part = augment(samples[2:4], draws[2:4])
    if not isinstance(changed, Tensor) or changed.shape != samples.shape:
        came = str(tuple(changed.shape)) if isinstance(changed, Tensor) else repr(changed)[:80]
        raise Fault(method, f"samples of shape {tuple(samples.shape)}", came)
    if not torch.equal(samples, before):
        raise Fault(method, "its input left as it was", "an input changed in place")
    if not changed.isfinite().all():
        raise Fault(method, "finite values", "NaN or infinity")
    if not torch.equal(changed, again) or not torch.allclose(part, changed[2:4], atol=1e-5):
        raise Fault(method, "the same from the same sample and draws", "another: chance of its own")
    if not changed.requires_grad or not torch.autograd.grad(changed.sum(), samples)[0].any():
        raise Fault(method, "a gradient that passes to the samples", "none")


def kind(entry: KindEntry) -> None:
    """Each example of the kind survives JSON, samples of it are written with every suffix, one of
    which is the preview's, and neither depends on chance."""
    kind_type = _loaded(entry)
    if kind_type.preview not in kind_type.suffixes:
        of = f"one of its suffixes, {', '.join(kind_type.suffixes)}"
        raise Fault(f"{entry.name}: preview", of, repr(kind_type.preview))
    where = f"{entry.name}: examples"
    with calling(where):
        examples, again = kind_type.examples(), kind_type.examples()
    if not examples:
        raise Fault(where, "at least one spec", "none")
    if examples != again:
        raise Fault(where, "the same specs at each call", f"{examples} and {again}")
    for spec in examples:
        with calling(where):
            copied = SampleSpec.from_json(json.loads(json.dumps(spec.to_json())))
        if copied != spec:
            raise Fault(where, f"{spec} after JSON", f"{copied}")
        if spec.kind != entry.name:
            raise Fault(where, f"specs of kind {entry.name!r}", repr(spec.kind))
        with calling(f"{entry.name}: __init__"):
            kind = kind_type(copied)
        samples = torch.randn(3, *spec.shape, generator=torch.Generator().manual_seed(0))
        for suffix in kind.suffixes:
            _check_render(f"{entry.name}: render {suffix}", kind, samples, suffix)
        if kind.apart:
            _check_render(f"{entry.name}: render one", kind, samples[:1], kind.preview)


def _check_render(method: str, kind: Kind, samples: Tensor, suffix: str) -> None:
    with calling(method):
        content, again = (kind.render(samples.clone(), suffix) for _ in range(2))
    if not isinstance(content, bytes) or not content:
        raise Fault(method, "bytes", type(content).__name__)
    if content != again:
        raise Fault(method, "the same bytes for the same samples", "others at the second call")


def model(entry: ModelEntry) -> None:
    """The model loads and makes finite samples."""
    with calling(f"{entry.name}: load"):
        samples = load(entry.target).sample(4)
    if not samples.isfinite().all():
        raise Fault(f"{entry.name}: sample", "finite values", "NaN or infinity")


def observer(entry: ObserverEntry) -> None:
    """The observer can be made without arguments, and its methods are those that are called."""
    observer_type = _loaded(entry)
    events = {name: event for name, event in vars(Observer).items() if not name.startswith("_")}
    for name, method in vars(observer_type).items():
        if name in events and callable(method):
            own, called = (inspect.signature(m) for m in (method, events[name]))
            try:
                own.bind(*called.parameters)
            except TypeError as error:
                raise Fault(f"{entry.name}: {name}", f"{name}{called}", f"{name}{own}") from error
        near = difflib.get_close_matches(name, events, n=1, cutoff=0.8)
        if near and name not in events and callable(method):
            raise Fault(f"{entry.name}: {name}", f"an event, such as {near[0]!r}", repr(name))
    with calling(f"{entry.name}: its __init__"):
        observer_type()


def extractor(entry: ExtractorEntry) -> None:
    """The extractor gives one finite row a sample, the same in each batch, and its classes."""
    try:
        with calling(f"{entry.name}: target"):
            extract = _loaded(entry)(None)
    except Fault as fault:
        if isinstance(fault.__cause__, GanzooError):  # weights that have to be brought
            raise NotHere(str(fault.__cause__)) from None
        raise
    if not isinstance(extract, Extractor) or not extract.name:
        raise Fault(f"{entry.name}: target", "a ganzoo.Extractor with a name", repr(extract))
    samples = _samples_for(entry, extract)
    with calling(f"{entry.name}: features"):
        whole, parts = extract(samples), [extract(part) for part in samples.split(3)]
    # Shapes, types, classes and finite values are held against it when it is called.
    alone = torch.cat([part.values for part in parts])
    if not torch.allclose(whole.values, alone, atol=1e-3):
        raise Fault(f"{entry.name}: values", "the same row for a sample in any batch", "another")


def _samples_for(entry: ExtractorEntry, extractor: Extractor) -> Tensor:
    """A few samples that the extractor takes, as it is given them."""
    kind = entry.kinds[0] if entry.kinds else "array"
    examples = catalogue().find(KindEntry, kind).load().examples(ImageSizes((32,)))
    spec = next((spec for spec in examples if extractor.takes(spec)), examples[0])
    rng = torch.Generator().manual_seed(0)
    return kind_of(spec).store(torch.rand(7, *spec.shape, generator=rng))


def command(entry: CommandEntry) -> None:
    """The command is a click.Command with a help text."""
    if not _loaded(entry).help:
        raise Fault(f"{entry.name}: help", "a docstring, which is the help text", "none")
