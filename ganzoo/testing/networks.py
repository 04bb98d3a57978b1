"""Checks of the networks by themselves: what they make, take, keep and depend on."""

from __future__ import annotations

import json
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganzoo.engine.setup import seed_everything
from ganzoo.game import call
from ganzoo.options import Options
from ganzoo.testing.case import Case, generated, judged
from ganzoo.testing.check import Fault, NotHere, calling

GENERATOR = "build_generator: its forward"
DISCRIMINATOR = "build_discriminator: its forward"


def options(case: Case) -> None:
    """Config's options have a default and a description each, and survive JSON."""
    model = case.architecture.Config
    if not (isinstance(model, type) and issubclass(model, Options)):
        raise Fault("Config", "a subclass of ganzoo.Options", repr(model))
    for name, option in model.model_fields.items():
        if option.is_required():
            raise Fault(f"Config.{name}", "a default", "none")
        if not option.description:
            raise Fault(f"Config.{name}", "a description, Field(..., description=...)", "none")
    with calling("Config"):
        made = model.model_validate(dict(case.options))
        again = model.model_validate(json.loads(json.dumps(made.model_dump(mode="json"))))
    if again != made:
        raise Fault("Config", f"{made} after a round trip through JSON", str(again))


def building(case: Case) -> None:
    """Networks are modules, and a seed gives the same weights."""
    first, second = case.networks(), case.networks()
    for method, one, other in (
        ("build_generator", first.generator, second.generator),
        ("build_discriminator", first.discriminator, second.discriminator),
        ("build_partners", first.partners, second.partners),
    ):
        _same(method, "the same weights after the same torch.manual_seed", one, other)


def _same(method: str, expected: str, one: nn.Module, other: nn.Module) -> None:
    states = one.state_dict(), other.state_dict()
    if states[0].keys() != states[1].keys():
        raise Fault(method, expected, "tensors of other names")
    different = [n for n, value in states[0].items() if not torch.equal(value, states[1][n])]
    if different:
        raise Fault(method, expected, f"others in {', '.join(different[:3])}")


def shapes(case: Case) -> None:
    """The generator's samples have the spec's shape and the discriminator gives one score for
    each pack of them, for every size and number of channels that is claimed."""
    for spec in case.specs:
        made, networks = case.made(spec), case.networks(spec)
        count = 2 * made.pack
        networks.generator.eval()
        networks.discriminator.eval()
        labels = case.labels(count)
        samples = generated(networks.generator, case.latents(spec, count), labels)
        if tuple(samples.shape) != (count, *spec.shape):
            raise Fault(
                GENERATOR,
                f"{(count, *spec.shape)} for {count} latents ({spec.kind})",
                str(tuple(samples.shape)),
            )
        _finite(GENERATOR, samples)
        scores = judged(networks.discriminator, case.samples(spec, count), labels)
        wanted = count // made.pack
        # A discriminator of patches has several scores a sample, as many for each.
        patches = made.pack == 1 and len(scores) and len(scores) % wanted == 0
        if len(scores) != wanted and not patches:
            raise Fault(
                DISCRIMINATOR,
                f"{wanted} scores for {count} samples of {spec.shape}"
                + (f" in packs of {made.pack}" if made.pack > 1 else ", or as many for each"),
                f"{len(scores)}",
            )
        _finite(DISCRIMINATOR, scores)


def _finite(method: str, values: Tensor) -> None:
    if not values.is_floating_point():
        raise Fault(method, "floating-point values", str(values.dtype))
    if not values.isfinite().all():
        raise Fault(method, "finite values", "NaN or infinity")


def range_of_samples(case: Case) -> None:
    """Samples are in the spec's range, for far latents too."""
    spec = case.spec
    if spec.low is None or spec.high is None:
        raise NotHere("its samples have no bounds")
    networks = case.networks()
    networks.generator.eval()
    with torch.no_grad():
        for parameter in networks.generator.parameters():
            parameter.mul_(3)  # as far as training may take them
    for scale in (1, 10):
        samples = generated(networks.generator, case.latents() * scale, case.labels())
        low, high = float(samples.min()), float(samples.max())
        if low < spec.low - 1e-3 or high > spec.high + 1e-3:
            raise Fault(
                GENERATOR, f"values in [{spec.low:g}, {spec.high:g}]", f"{low:.3g} to {high:.3g}"
            )


def latents(case: Case) -> None:
    """sample_latent gives as many as asked for, drawn with the generator that it is given alone."""
    method = "sample_latent"
    count = case.count
    torch.manual_seed(5)
    first = case.latents()
    torch.manual_seed(6)
    again = case.latents()
    if not isinstance(first, Tensor) or first.dim() < 1 or len(first) != count:
        came = f"shape {tuple(first.shape)}" if isinstance(first, Tensor) else type(first).__name__
        raise Fault(method, f"a tensor of {count} latents", came)
    if not torch.equal(first, again):
        raise Fault(method, "the same latents from the same rng", "others: use generator=rng")
    if count > 1 and len(first.flatten(1).unique(dim=0)) == 1:
        raise Fault(method, "latents that differ", "the same one several times")


def inputs(case: Case) -> None:
    """Neither network changes the tensors that it is given."""
    networks = case.networks()
    for mode in (True, False):
        for method, network, values in (
            (GENERATOR, networks.generator, case.latents()),
            (DISCRIMINATOR, networks.discriminator, case.samples()),
        ):
            network.train(mode)
            given, labels = values.clone(), case.labels()
            kept = None if labels is None else labels.clone()
            with calling(method), torch.no_grad():
                call(network, given, labels)
            if not torch.equal(given, values):
                raise Fault(method, "its input left as it was", "an input changed in place")
            if kept is not None and labels is not None and not torch.equal(kept, labels):
                raise Fault(method, "the labels left as they were", "labels changed in place")


def own_latent(case: Case) -> None:
    """In eval mode a sample depends on its own latent and label alone."""
    network = case.networks().generator.eval()
    given, labels = case.latents(), case.labels()

    def made(part: slice, seed: int) -> Tensor:
        torch.manual_seed(seed)
        return generated(network, given[part], None if labels is None else labels[part])

    together = made(slice(None), 1)
    expected = "in eval mode, the sample of a latent whatever else is computed"
    hint = "noise belongs into the latent, see sample_latent"
    if not _close(together, made(slice(None), 2)):
        raise Fault(GENERATOR, expected, f"another sample at the second call; {hint}")
    alone = torch.cat([made(slice(i, i + 1), 3 + i) for i in range(case.count)])
    if not _close(together, alone):
        raise Fault(GENERATOR, expected, f"another sample in another batch; {hint}")
    match = case.match()
    case.play(match, 4)  # a last layer that begins at zero makes the same of all at first
    network = match.networks.generator.eval()
    if len(made(slice(None), 1).unique(dim=0)) == 1:
        raise Fault(GENERATOR, "samples that differ with their latents", "the same sample for all")


def _close(one: Tensor, other: Tensor) -> bool:
    scale = float(one.abs().max()) or 1.0
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-4 * scale)


def state(case: Case) -> None:
    """All state is in parameters and buffers: a fresh network with the same does the same."""
    match = case.match()
    case.play(match, 3)
    fresh = case.networks(seed=9)
    for method, old, new, values in (
        (GENERATOR, match.networks.generator, fresh.generator, case.latents()),
        (DISCRIMINATOR, match.networks.discriminator, fresh.discriminator, case.samples()),
    ):
        with calling(f"{method.partition(':')[0]}: load_state_dict"):
            new.load_state_dict(old.state_dict())
        match.device.place(new)  # memory in the same order, or dropout would differ
        for mode in (False, True):
            outputs = [
                _output(network.train(mode), values, case.labels(), method)
                for network in (old, new)
            ]
            if not _close(*outputs):
                raise Fault(
                    method,
                    "from a fresh network with the same state_dict the same output as from the "
                    "trained one",
                    "another: it keeps state outside of parameters and buffers",
                )


def _output(network: nn.Module, values: Tensor, labels: Tensor | None, method: str) -> Tensor:
    seed_everything(3)  # dropout, alike for both
    function: Callable[..., Tensor] = generated if method == GENERATOR else judged
    return function(network, values, labels)


def precision(case: Case) -> None:
    """float32 and bf16 agree, in the networks' outputs and in the losses."""
    networks = case.networks()
    for method, network, values, function in (
        (GENERATOR, networks.generator.eval(), case.latents(), generated),
        (DISCRIMINATOR, networks.discriminator.eval(), case.samples(), judged),
    ):
        full = function(network, values, case.labels()).float()
        with torch.autocast("cpu", torch.bfloat16):
            half = function(network, values, case.labels()).float()
        apart = float((full - half).norm() / full.norm().clamp_min(1e-3 * len(full) ** 0.5))
        if not apart <= 0.1:
            raise Fault(method, "in bf16 what it gives in float32, within 10%", f"{apart:.0%} off")
    match = case.match("bf16")
    case.play(match, 2)
    means = match.totals.means(match.processes)
    bad = [name for name, value in means.items() if not abs(value) < float("inf")]
    if bad:
        raise Fault("the losses under bf16", "finite values", f"{', '.join(bad)} not finite")
