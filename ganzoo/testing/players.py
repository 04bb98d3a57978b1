"""Checks of the game: who gets which gradient, and what labels do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.chance import seed_everything
from ganzoo.engine.match import Match
from ganzoo.engine.rehearsal import check_terms
from ganzoo.game import Game, call
from ganzoo.testing.case import CLASSES, Case, generated, judged
from ganzoo.testing.check import DISCRIMINATOR, GENERATOR, Fault, NotHere, calling
from ganzoo.training import PLAYERS

STEPS = 4  # layers that begin at zero pass a gradient on after the first updates


def terms(case: Case) -> None:
    """The objective gives both players finite scalar terms, and the generator's depend on it."""
    match = case.match()
    with calling("objective"):
        game = match.game(match.draw(), with_gradient=True)
    for player in PLAYERS:
        method = f"objective.{player}_terms"
        with calling(method):
            loss = match.objective.terms(player, game)
        check_terms(method, loss)


def recipe(case: Case) -> None:
    """Each player has an optimizer of its own parameters alone, and learning rates that are finite
    and not negative."""
    match = case.match()
    with calling("optimizers"):
        optimizers = match.architecture.optimizers(match.networks)
    for player in PLAYERS:
        if not isinstance(optimizers.get(player), torch.optim.Optimizer):
            raise Fault("optimizers", f"a torch.optim.Optimizer for {player!r}", "none")
        own = {id(p) for p in match.networks.parameters(player)}
        held = [p for group in optimizers[player].param_groups for p in group["params"]]
        if any(id(p) not in own for p in held):
            raise Fault("optimizers", f"parameters of the {player} alone", "others among them")
        for step in (0, 1, match.training.steps - 1):
            with calling("learning_rate"):
                rate = match.architecture.learning_rate(player, step)
            if not isinstance(rate, int | float) or not 0 <= rate < float("inf"):
                expected = f"a finite number from 0 up for the {player} in step {step}"
                raise Fault("learning_rate", expected, repr(rate))


def gradients(case: Case) -> None:
    """A gradient reaches every parameter of each player, and what it computes depends on it."""
    match = case.match()
    networks = match.networks
    players = {
        "build_generator": networks.generator,
        "build_partners": networks.partners,
        "build_discriminator": networks.discriminator,
    }
    reached: set[str] = set()
    for _ in range(STEPS):
        case.play(match, 1)
        for method, network in players.items():
            for name, parameter in network.named_parameters():
                if parameter.grad is None:
                    continue
                if not parameter.grad.isfinite().all():
                    raise Fault(method, "finite gradients", f"NaN or infinity in {name}")
                reached.add(f"{method} {name}")
    for method, network in players.items():
        trained = {name for name, p in network.named_parameters() if p.requires_grad}
        without = {name for name in trained if f"{method} {name}" not in reached}
        _refuse(method, f"a gradient in every parameter within {STEPS} steps", without)
    # A loss's own gradient may be zero for good: of the last bias, where only differences count.
    judging = case.judging(networks)
    with calling(GENERATOR):
        samples = call(networks.generator.train(), case.latents(), case.labels())
    _depends("build_generator", networks.generator, samples)
    with calling(DISCRIMINATOR):
        output = call(
            networks.discriminator.train(), judging.samples, judging.labels, **judging.beside
        )
    # One of two sides, each with a network of its own, is asked by the objective alone.
    asked = case.outputs(networks)
    _depends("build_discriminator", networks.discriminator, output, *asked)


def _depends(method: str, network: nn.Module, *outputs: Any) -> None:
    fields = [[output] if isinstance(output, Tensor) else output for output in outputs]
    parts = [part for output in fields for part in output if _counts(part)]
    rng = torch.Generator().manual_seed(7)
    total = torch.stack([(part * torch.randn(part.shape, generator=rng)).sum() for part in parts])
    named = {name: p for name, p in network.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(total.sum(), list(named.values()), allow_unused=True)
    idle = {
        name
        for name, gradient in zip(named, gradients, strict=True)
        if gradient is None or not gradient.any()
    }
    _refuse(method, "an output that depends on every parameter", idle)


def _counts(part: object) -> bool:
    return isinstance(part, Tensor) and part.requires_grad


def _refuse(method: str, expected: str, names: set[str]) -> None:
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise Fault(method, expected, f"none in {', '.join(sorted(names)[:3])}{more}")


def apart(case: Case) -> None:
    """No player's turn touches the other's weights, nor leaves it a gradient."""
    match = case.match()
    generator = [*match.networks.generator.parameters(), *match.networks.partners.parameters()]
    discriminator = list(match.networks.discriminator.parameters())
    shared = {id(p) for p in generator} & {id(p) for p in discriminator}
    if shared:
        names = [n for n, p in match.networks.discriminator.named_parameters() if id(p) in shared]
        raise Fault(
            "build_discriminator",
            "parameters of its own",
            f"{names[0]}, which is the generator's too",
        )
    with calling("objective"):
        game = match.game(match.draw(), with_gradient=True)
    turns = (
        ("discriminator_terms", match.discriminator, generator, "generator"),
        ("generator_terms", match.generator, discriminator, "discriminator"),
    )
    for method, player, others, name in turns:
        before = [(p.detach().clone(), _copied(p.grad)) for p in others]
        with calling(f"objective.{method}"):
            match.turn(player, [game])
        for parameter, (weights, gradient) in zip(others, before, strict=True):
            if not torch.equal(parameter, weights):
                raise Fault(f"objective.{method}", f"the {name}'s weights untouched", "others")
            if not _equal(parameter.grad, gradient):
                raise Fault(f"objective.{method}", f"no gradient for the {name}", "one")


def _copied(gradient: Tensor | None) -> Tensor | None:
    return None if gradient is None else gradient.clone()


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return torch.equal(one, other)


def labels(case: Case) -> None:
    """Labels change what the generator makes, and what the discriminator makes of it."""
    if not case.architecture.conditional:
        raise NotHere("it takes no labels")
    match = case.match()
    case.play(match, STEPS)
    network, latent = match.networks.generator.eval(), case.latents()
    first, second = (torch.full((case.count,), number) for number in (0, 1))
    if torch.equal(generated(network, latent, first), generated(network, latent, second)):
        raise Fault(GENERATOR, "another sample for another label", "the same one")
    match.networks.discriminator.eval()
    game = case.game(match.networks)
    assert game.labels is not None
    other = replace(game, labels=(game.labels + 1) % len(CLASSES))
    judging = case.judging(match.networks)
    scores = [
        judged(match.networks.discriminator, judging._replace(labels=of.labels))
        for of in (game, other)
    ]
    if torch.equal(*scores) and _loss(match, game) == _loss(match, other):
        raise Fault(
            "build_discriminator",
            "with other labels other scores, or another loss of the discriminator",
            "the same one: neither it nor the objective looks at them",
        )


def _loss(match: Match, game: Game) -> float:
    seed_everything(4)
    with calling("objective.discriminator_terms"):
        loss = match.objective.discriminator_terms(game)
    return float(torch.stack([term.detach().float() for term in loss.values()]).sum())


def seed(case: Case) -> None:
    """Training is the same again under the same seed."""
    weights = []
    for _ in range(2):
        match = case.match(seed=3)
        case.play(match, 3)
        weights.append(match.networks)
    for method, one, other in (
        ("build_generator", weights[0].generator, weights[1].generator),
        ("build_discriminator", weights[0].discriminator, weights[1].discriminator),
    ):
        _same_weights(method, one, other)


def _same_weights(method: str, one: nn.Module, other: nn.Module) -> None:
    states = one.state_dict(), other.state_dict()
    different = [n for n, value in states[0].items() if not torch.equal(value, states[1][n])]
    if different:
        raise Fault(
            method,
            "the same weights after two trainings with one seed",
            f"others in {', '.join(different[:3])}: something draws from a source of chance that "
            "torch, numpy and random do not seed",
        )
