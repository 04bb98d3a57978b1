"""Checks of the networks by themselves: what they make, take, keep and depend on."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganzoo.chance import seed_everything
from ganzoo.engine.rehearsal import check_samples, check_scores
from ganzoo.game import call
from ganzoo.options import Options
from ganzoo.plugins import reference_of
from ganzoo.testing.case import Case, generated, judged
from ganzoo.testing.check import DISCRIMINATOR, GENERATOR, Fault, calling


def options(case: Case) -> None:
    """The options of Config and Sampling have a default and a description each; Config's survive
    JSON."""
    model = case.architecture.Config
    for name in ("Config", "Sampling"):
        _described(name, getattr(case.architecture, name))
    with calling("Config"):
        config = model.model_validate(dict(case.options))
        again = model.model_validate(json.loads(json.dumps(config.model_dump(mode="json"))))
    if again != config:
        raise Fault("Config", f"{config} after a round trip through JSON", str(again))


def _described(where: str, model: object) -> None:
    if not (isinstance(model, type) and issubclass(model, Options)):
        raise Fault(where, "a subclass of ganzoo.Options", repr(model))
    for name, option in model.model_fields.items():
        if option.is_required():
            raise Fault(f"{where}.{name}", "a default", "none")
        if not option.description:
            raise Fault(f"{where}.{name}", "a description, Field(..., description=...)", "none")


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
        pack, networks = case.made(spec).pack, case.networks(spec)
        count = 2 * pack
        networks.generator.eval()
        networks.discriminator.eval()
        latents = case.latents(spec, count)
        samples = generated(networks.generator, latents, case.labels(count))
        check_samples(samples, (count, *spec.shape))
        _finite(GENERATOR, samples)
        judging = case.judging(networks, spec, count)
        scores = judged(networks.discriminator, judging)
        check_scores(scores, count // pack)
        if pack > 1 and len(scores) != count // pack:
            expected = f"{count // pack} scores for {count} samples in packs of {pack}"
            raise Fault(DISCRIMINATOR, expected, str(len(scores)))
        _finite(DISCRIMINATOR, scores)


def _finite(method: str, values: Tensor) -> None:
    if not values.is_floating_point():
        raise Fault(method, "floating-point values", str(values.dtype))
    if not values.isfinite().all():
        raise Fault(method, "finite values", "NaN or infinity")


def latents(case: Case) -> None:
    """What the generator is given is as many as asked for, drawn with the rng alone that
    sample_latent (or latent_from) is handed."""
    made = case.made(case.spec)
    method = "sample_latent" if made.input_spec is None else "latent_from"
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


def sampling(case: Case) -> None:
    """With the default options of Sampling, `generate` gives what the generator does in shape, and
    `interpolate` goes from the first latent to the last."""
    made, networks, latents = case.made(case.spec), case.networks(), case.latents()
    with calling("generate"), torch.no_grad():
        options = made.Sampling()
        samples = made.generate(networks.generator.eval(), latents, case.labels(), options)
    if not isinstance(samples, Tensor) or samples.shape != (case.count, *case.spec.shape):
        came = str(tuple(samples.shape)) if isinstance(samples, Tensor) else type(samples).__name__
        raise Fault("generate", f"{(case.count, *case.spec.shape)} for {case.count} latents", came)
    _finite("generate", samples)
    if made.input_spec is None:
        with calling("interpolate"):
            way = made.interpolate(latents[0], latents[1], torch.tensor([0.0, 0.5, 1.0]))
        if way.shape != (3, *latents.shape[1:]):
            expected = f"{(3, *latents.shape[1:])} for three weights"
            raise Fault("interpolate", expected, str(tuple(way.shape)))
        if not (close(way[0], latents[0]) and close(way[2], latents[1])):
            raise Fault("interpolate", "the first latent at 0 and the last at 1", "others")


def upgrade(case: Case) -> None:
    """What the installed version made is left as it is by `upgrade`."""
    networks = case.networks()
    state = {
        f"{part}.{name}": tensor
        for part in ("generator", "discriminator", "partners")
        for name, tensor in getattr(networks, part).state_dict().items()
    }
    options = case.made(case.spec).config.model_dump(mode="json")
    with calling("upgrade"):
        version = reference_of(case.name).version
        later = case.architecture.upgrade(dict(options), dict(state), version)
    expected = f"options and tensors of this version ({version or 'none'}) left as they are"
    if later[0] != options:
        raise Fault("upgrade", expected, f"options {later[0]}")
    if later[1].keys() != state.keys():
        names = sorted(later[1].keys() ^ state.keys())
        raise Fault("upgrade", expected, f"others: {', '.join(names[:3])}")


def inputs(case: Case) -> None:
    """Neither network changes the tensors that it is given."""
    networks = case.networks()
    game = case.game(networks)
    beside = case.judging(networks).beside
    for mode in (True, False):
        for method, network, values, more in (
            (GENERATOR, networks.generator, game.latent, {}),
            (DISCRIMINATOR, networks.discriminator, game.real, beside),
        ):
            network.train(mode)
            copied, labels = values.clone(), case.labels()
            with calling(method), torch.no_grad():
                call(network, copied, labels, **more)
            if not torch.equal(copied, values):
                raise Fault(method, "its input left as it was", "an input changed in place")
            if not _unchanged(labels, game.labels):
                raise Fault(method, "the labels left as they were", "labels changed in place")


def _unchanged(one: Tensor | None, other: Tensor | None) -> bool:
    return one is None or other is None or torch.equal(one, other)


def own_latent(case: Case) -> None:
    """In eval mode a sample depends on its own latent and label alone."""
    network = case.networks().generator.eval()
    latents, labels = case.latents(), case.labels()

    def sample(part: slice, seed: int) -> Tensor:
        torch.manual_seed(seed)
        return generated(network, latents[part], None if labels is None else labels[part])

    together = sample(slice(None), 1)
    expected = "in eval mode, the sample of a latent whatever else is computed"
    hint = "noise belongs into the latent, see sample_latent"
    if not close(together, sample(slice(None), 2)):
        raise Fault(GENERATOR, expected, f"another sample at the second call; {hint}")
    alone = torch.cat([sample(slice(i, i + 1), 3 + i) for i in range(case.count)])
    if not close(together, alone):
        raise Fault(GENERATOR, expected, f"another sample in another batch; {hint}")
    match = case.match()
    case.play(match, 4)  # a last layer that begins at zero makes the same of all at first
    network = match.networks.generator.eval()
    if len(sample(slice(None), 1).unique(dim=0)) == 1:
        raise Fault(GENERATOR, "samples that differ with their latents", "the same sample for all")


def close(one: Tensor, other: Tensor) -> bool:
    """Whether two outputs are the same but for rounding."""
    scale = float(one.abs().max()) or 1.0
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-4 * scale)


def state(case: Case) -> None:
    """All state is in parameters and buffers: a fresh network with the same does the same."""
    match = case.match()
    case.play(match, 3)
    trained, fresh = match.networks, case.networks(seed=9)
    sample = functools.partial(generated, latent=case.latents(), labels=case.labels())
    judge = functools.partial(judged, judging=case.judging(trained))
    players: tuple[tuple[str, nn.Module, nn.Module, Callable[[nn.Module], Tensor]], ...] = (
        (GENERATOR, trained.generator, fresh.generator, sample),
        (DISCRIMINATOR, trained.discriminator, fresh.discriminator, judge),
    )
    for method, old, new, output in players:
        with calling(f"{method.partition(':')[0]}: load_state_dict"):
            new.load_state_dict(old.state_dict())
        match.device.place(new)  # memory in the same order, or dropout would differ
        for mode in (False, True):
            outputs = []
            for network in (old, new):
                seed_everything(3)  # dropout, alike for both
                outputs.append(output(network.train(mode)))
            if not close(*outputs):
                raise Fault(
                    method,
                    "from a fresh network with the same state_dict the same output as from the "
                    "trained one",
                    "another: it keeps state outside of parameters and buffers",
                )
