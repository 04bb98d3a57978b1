"""The buffer of old fakes: how many come back, in what company, and from a checkpoint."""

from __future__ import annotations

import pytest
import torch
from test_step import make_match
from test_view import spy
from torch import nn

from ganzoo.engine.replay import Replay
from ganzoo.errors import GanzooError
from ganzoo.game import Game
from ganzoo.processes import Processes
from ganzoo.training import Training


def make(pack: int = 1, processes: Processes | None = None, **options: object) -> Replay:
    given = {"batch_size": 32, "replay": 0.25, "replay_size": 64} | options
    return Replay(Training(**given), pack, processes or Processes())


def round_of(number: int, count: int = 32, labels: torch.Tensor | None = None) -> Game:
    """Fakes and latents that say in which round they were made, at which place, of which label."""
    fake = torch.empty(count, 3)
    fake[:, 0], fake[:, 1] = number, torch.arange(count)
    fake[:, 2] = -1 if labels is None else labels
    return Game(torch.zeros(count, 3), fake, 10 * fake[:, :2], labels, nn.Identity(), nn.Identity())


def test_the_share_that_was_asked_for_is_replaced_from_the_second_round_on():
    replay = make()
    first = round_of(0)
    assert torch.equal(replay.mix(first).fake, first.fake)
    for number in range(1, 40):
        game = round_of(number)
        given = game.fake.clone()
        mixed = replay.mix(game)
        assert torch.equal(game.fake, given), "the generator's turn has the fresh ones"
        old = mixed.fake[:, 0] < number
        assert old.sum() == 8
        assert torch.equal(mixed.fake[8:], given[8:])
        assert torch.equal(mixed.latent, 10 * mixed.fake[:, :2]), "each with its own latent"
        assert replay.filled == min(64, 8 * (number + 1))


def test_the_discriminators_turn_has_them_and_the_generators_has_not(digits):
    match = make_match("dcgan", digits[0], training__replay=0.25, schedule__precision="fp32")
    first = match.game(match.draw(), with_gradient=True)
    match.turn(match.discriminator, [first])
    seen = spy(match.networks.discriminator)
    second = match.game(match.draw(), with_gradient=True)
    match.turn(match.discriminator, [second])
    match.turn(match.generator, [second])
    _, shown, to_generator = seen
    assert torch.equal(to_generator, second.fake)
    assert torch.equal(shown[4:], second.fake[4:])
    for image in shown[:4]:
        assert any(torch.equal(image, fake) for fake in first.fake[:4])


def test_old_ones_leave_by_chance():
    torch.manual_seed(0)
    replay = make()
    for number in range(200):
        replay.mix(round_of(number))
    ages = 199 - replay.kept["fake"][:, 0, 0]
    # 8 of 64 places are overwritten a round, so an age has the mean 64 / 8 - 1.
    assert ages.mean().item() == pytest.approx(7, abs=2.5)
    assert ages.max() > 12
    assert len(replay.kept["fake"].flatten(1).unique(dim=0)) == 64


def test_an_old_fake_takes_the_place_of_one_with_its_label():
    torch.manual_seed(0)
    replay = make()
    old = 0
    for number in range(30):
        labels = torch.randint(10, (32,))
        mixed = replay.mix(round_of(number, labels=labels))
        assert torch.equal(mixed.fake[:, 2].long(), labels)
        old += int((mixed.fake[:, 0] < number).sum())
    assert old > 0.8 * 29 * 8
    strange = torch.full((32,), 77)
    game = round_of(99, labels=strange)
    assert torch.equal(replay.mix(game).fake, game.fake), "there is none with this label"


def test_packs_stay_together():
    replay = make(pack=4)
    assert replay.count == 2
    for number in range(1, 30):
        mixed = replay.mix(round_of(number))
        packs = mixed.fake.unflatten(0, (8, 4))
        assert (packs[:, :, 0] == packs[:, :1, 0]).all(), "of one round"
        assert (packs[:, 1:, 1] - packs[:, :-1, 1] == 1).all(), "and in their order"
        assert (packs[:2, 0, 0] < number).all() or number == 1


def test_the_type_and_layout_of_the_fakes_stay():
    replay = make()
    for _ in range(2):
        fake = torch.randn(32, 3, 8, 8).bfloat16().contiguous(memory_format=torch.channels_last)
        game = Game(fake, fake, torch.randn(32, 4), None, nn.Identity(), nn.Identity())
        mixed = replay.mix(game).fake
        assert mixed.dtype == torch.bfloat16
        assert mixed.is_contiguous(memory_format=torch.channels_last)
    assert replay.kept["fake"].dtype == torch.float32


def test_it_goes_on_from_its_state():
    one, other = make(), make()
    for number in range(5):
        one.mix(round_of(number))
    other.load_state(one.state(torch.device("cpu")), torch.device("cpu"))
    for number in range(5, 20):
        torch.manual_seed(number)
        expected = one.mix(round_of(number)).fake
        torch.manual_seed(number)
        assert torch.equal(other.mix(round_of(number)).fake, expected)


def test_all_of_another_number_of_processes_begin_empty():
    """Their buffers must be of one length, or they cannot be collected for the next checkpoint."""
    replay = make()
    replay.mix(round_of(0))
    state = replay.state(torch.device("cpu"))
    for rank in (0, 1):
        part = make(processes=Processes(rank, 2))
        assert (part.count, part.size) == (4, 32)
        part.load_state(state, torch.device("cpu"))
        assert part.filled == 0
        assert torch.equal(part.mix(round_of(1, 16)).fake, round_of(1, 16).fake)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"replay": 0.01}, "of 32 fakes of a batch, it would replace 0"),
        ({"replay": 0.99}, "it would replace 32"),
        ({"replay_size": 7}, "it holds 7 fakes, and 8 go into it"),
        ({"pack": 16, "replay": 0.2}, "of 2 packs of 16 fakes"),
        ({"processes": Processes(0, 32)}, "of 1 fakes of a batch in a process"),
    ],
)
def test_what_cannot_be_done_is_said(options, expected):
    with pytest.raises(GanzooError) as told:
        make(**options)
    assert expected in str(told.value)
