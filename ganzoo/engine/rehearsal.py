"""The rehearsal before a run: one batch is played without learning, so that a fault of a plugin
becomes a clear message before anything is written. The plugin kit uses the same messages."""

from __future__ import annotations

import contextlib
import math
import os
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from ganzoo.chance import Chance
from ganzoo.engine.match import Match
from ganzoo.engine.totals import Totals
from ganzoo.errors import GanzooError, memory_message, one_line
from ganzoo.game import Game, call, score_of
from ganzoo.training import PLAYERS

GENERATOR: Final = "build_generator: its forward"
DISCRIMINATOR: Final = "build_discriminator: its forward"
#: Where the code of torch and of the core is.
_OURS: Final = tuple(
    f"{folder}{os.sep}" for folder in (Path(torch.__file__).parent, Path(__file__).parents[1])
)


class Fault(GanzooError, AssertionError):
    """The contract does not hold. method: of the plugin's. expected, came: in words."""

    def __init__(self, method: str, expected: str, came: str) -> None:
        super().__init__(f"{method}: expected {expected}; came {came}")
        self.method, self.expected, self.came = method, expected, came


def rehearse(match: Match, name: str) -> None:
    """Play one round of `match` without learning, and leave everything as it was.

    name: of the architecture. Raises GanzooError that says what was expected of which method, and
    what came.
    """
    training, pack = match.training, match.architecture.pack
    count = training.batch_size // match.processes.world // training.accumulate
    if count % pack:
        raise GanzooError(
            f"training.batch_size={training.batch_size}: {name} judges packs of {pack} "
            f"samples, and {count} in a process cannot be divided by that"
        )
    finite = True
    try:
        with _untouched(match), Chance(match.device.device, 0), _inside(match) as inside:
            batch = match.batches.peek(count)
            finite = bool(batch.real.isfinite().all())
            with calling("condition", inside):
                drawn = match.with_latent(batch)
            check_latent(drawn.latent, count)
            with calling(GENERATOR, inside):
                game = match.game(drawn, with_gradient=True)
            check_samples(game.fake, (count, *match.architecture.spec.shape))
            if game.context and match.replay is not None:
                raise GanzooError(
                    f"training.replay={training.replay}: {name} tells the discriminator the "
                    f"{' and '.join(game.context)} of each sample, which an old fake would not have"
                )
            logged: dict[str, Tensor] = {}
            game = replace(
                game,
                watch=lambda _, samples, output: check_scores(output, max(1, len(samples) // pack)),
                record=logged.__setitem__,
            )
            _rehearse_terms(match, game, inside, logged)
    except Fault as fault:
        if not finite:
            data = match.batches.dataset.name
            raise GanzooError(f"the data set {data!r} has values that are not finite") from None
        raise Fault(f"{name}: {fault.method}", fault.expected, fault.came) from fault.__cause__


def _rehearse_terms(
    match: Match, game: Game, inside: list[str], logged: Mapping[str, Tensor]
) -> None:
    for player in reversed(PLAYERS):
        method = f"objective.{player}_terms"
        seen = replace(game, fake=game.fake.detach()) if player == "discriminator" else game
        with calling(method, inside), match.device.autocast():
            terms = match.objective.terms(player, seen)
        check_terms(method, terms)
        match.totals.add(player, list(terms), [torch.zeros(())] * (1 + len(terms)))
    for name, value in logged.items():
        match.totals.log(name, value)


def judges_alone(match: Match) -> bool:
    """Whether the discriminator judges each sample (or pack) by itself: no score depends on the
    rest of the batch, as with batch statistics, and no buffer changes when it is called.

    It is shown samples of which all but the first are NaN. A NaN reaches whatever depends on it,
    even through weights that are still zero.
    """
    network, pack = match.networks.discriminator, match.architecture.pack
    with _untouched(match), Chance(match.device.device, 0), torch.no_grad():
        before = [buffer.clone() for buffer in network.buffers()]
        batch = match.batches.peek(min(2, match.training.batch_size // pack) * pack)
        drawn = match.with_latent(batch)
        samples = torch.cat([batch.real, torch.full_like(batch.real, math.nan)])
        labels = None if drawn.labels is None else drawn.labels.repeat(2)
        context = match.architecture.context(drawn.latent)
        context = {name: torch.cat([told, told]) for name, told in context.items()}
        try:
            scores = score_of(call(network, samples, labels, **context))
        except Exception:  # it takes more than samples, or refuses these
            return False
        alone = len(scores) % 2 == 0 and bool(scores[: len(scores) // 2].isfinite().all())
        return alone and all(map(torch.equal, before, network.buffers()))


def check_latent(latent: object, count: int) -> None:
    """Raise Fault where `latent` is not a batch of `count` latents."""
    if not isinstance(latent, Tensor) or latent.dim() < 1 or len(latent) != count:
        raise Fault("condition", f"a tensor of {count} latents", _shape(latent))


def check_samples(samples: object, shape: tuple[int, ...]) -> None:
    """Raise Fault where `samples` do not have this shape, (N, *shape of one sample)."""
    if not isinstance(samples, Tensor) or tuple(samples.shape) != shape:
        raise Fault(GENERATOR, f"{shape} for {shape[0]} latents", _shape(samples))


def check_scores(output: Any, count: int) -> None:
    """Raise Fault where `output` does not score `count` samples, or packs of them.

    A discriminator of patches has several scores for each.
    """
    if not isinstance(output, Tensor) and not isinstance(getattr(output, "score", None), Tensor):
        raise Fault(DISCRIMINATOR, "scores, or a named tuple with a field score", _shape(output))
    scores = score_of(output)
    if not len(scores) or len(scores) % count:
        expected = f"{count} scores, or as many for each of {count}"
        raise Fault(DISCRIMINATOR, expected, str(len(scores)))


def check_terms(method: str, terms: object) -> None:
    """Raise Fault where `terms` are not finite scalars by name, of which one can be learned."""
    if not isinstance(terms, dict) or not terms:
        raise Fault(method, "terms by their names, a dict", repr(terms)[:80])
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.dim():
            raise Fault(method, f"a scalar tensor {name!r}", _shape(term))
        if not term.isfinite():
            raise Fault(method, f"a finite {name!r}", str(term.item()))
    if not any(term.requires_grad for term in terms.values()):
        raise Fault(method, "a loss that depends on the networks", "a constant")


@contextlib.contextmanager
def calling(method: str, inside: list[str] | None = None) -> Iterator[None]:
    """Call a plugin's code: what it raises becomes a Fault of `method`, or of the innermost network
    that was being called."""
    try:
        yield
    except GanzooError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may call sys.exit
        if memory_message(error) is not None:
            raise
        came = f"{type(error).__name__}: {one_line(error)[:300]}{_place(error)}"
        raise Fault(inside[-1] if inside else method, "no exception", came) from error


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def last_line(error: BaseException) -> traceback.FrameSummary | None:
    """The last line that ran before `error` which is neither torch's nor the core's."""
    theirs = [f for f in traceback.extract_tb(error.__traceback__) if is_theirs(f.filename)]
    return theirs[-1] if theirs else None


def is_theirs(filename: str) -> bool:
    """Whether a line of code is neither torch's nor the core's: most likely a plugin's."""
    return not filename.startswith(_OURS)


def _place(error: BaseException) -> str:
    line = last_line(error)
    return "" if line is None else f" ({line.filename}:{line.lineno})"


@contextlib.contextmanager
def _inside(match: Match) -> Iterator[list[str]]:
    """The networks that are being called now, innermost last, as a Fault names them."""
    inside: list[str] = []
    networks = {GENERATOR: match.networks.generator, DISCRIMINATOR: match.networks.discriminator}
    hooks = []
    for method, network in networks.items():
        hooks.append(
            network.register_forward_pre_hook(lambda *_, method=method: inside.append(method))
        )
        hooks.append(network.register_forward_hook(lambda *_, method=method: inside.remove(method)))
    try:
        yield inside
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def _untouched(match: Match) -> Iterator[None]:
    """Put back every buffer, the shared chance and the sums of losses afterwards."""
    modules: list[nn.Module] = [m for n in match.networks.modules().values() for m in n.modules()]
    owned = [(m, name, b) for m in modules for name, b in m._buffers.items() if b is not None]
    copies = [buffer.clone() for _, _, buffer in owned]
    chance = match.batches.rng.get_state()
    try:
        yield
    finally:
        with torch.no_grad():
            for (module, name, buffer), copy in zip(owned, copies, strict=True):
                module._buffers[name] = buffer.copy_(copy)
        match.batches.rng.set_state(chance)
        match.totals = Totals()
