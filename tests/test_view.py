"""What the discriminator is shown: augmentations and noise, by hand and in a match."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from test_step import make_match
from torch import nn

from ganzoo import GanzooError
from ganzoo.engine.adaptive import Adaptive
from ganzoo.engine.totals import Totals
from ganzoo.engine.view import View
from ganzoo.entries import ObjectiveEntry
from ganzoo.game import Game
from ganzoo.kinds.image.augment import (
    AUGMENTATIONS,
    DRAWS,
    color,
    cutout,
    mirror,
    rotation,
    scale,
    translation,
)
from ganzoo.processes import Processes
from ganzoo.training import Training, find

EVERYTHING = {
    "training__augment": ["color", "translation", "cutout"],
    "training__instance_noise": 0.1,
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_gradient_is_that_of_finite_differences(name):
    torch.manual_seed(0)
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    draws = torch.rand(2, DRAWS, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: AUGMENTATIONS[name](x, draws), (images,))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_images_are_changed_each_by_itself_and_not_in_place(name):
    torch.manual_seed(0)
    images, draws = torch.randn(5, 3, 16, 16), torch.rand(5, DRAWS)
    given = images.clone()
    together = AUGMENTATIONS[name](images, draws)
    assert torch.equal(images, given)
    alone = [AUGMENTATIONS[name](images[i : i + 1], draws[i : i + 1]) for i in range(5)]
    torch.testing.assert_close(together, torch.cat(alone))
    assert not torch.equal(together, images)


def test_color_by_hand():
    images = torch.randn(3, 3, 4, 4)
    middle = [0.5, 0.5, 0.5]
    same = color(images, torch.tensor([middle] * 3))
    torch.testing.assert_close(same, images)
    brighter, grey, flat = color(
        images, torch.tensor([[0.9, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    )
    torch.testing.assert_close(brighter, images[0] + 0.4)
    torch.testing.assert_close(grey, images[1].mean(0).expand(3, 4, 4))
    torch.testing.assert_close(flat, 0.5 * (images[2] + images[2].mean()))


def test_saturation_does_nothing_to_grey_pictures():
    images = torch.randn(4, 1, 4, 4)
    draws = torch.tensor([[0.5, share, 0.5] for share in (0.0, 0.3, 0.6, 0.9)])
    torch.testing.assert_close(color(images, draws), images)


def test_translation_moves_by_whole_pixels_up_to_an_eighth():
    images = torch.randn(1, 2, 16, 24)
    shares = torch.linspace(0, 1 - 2**-24, 101)  # the last is the largest that rand draws
    seen = set()
    for share in shares:
        moved = translation(images, torch.tensor([[share, 1 - share - 2**-24, 0]]))[0]
        down, right = next(
            (down, right)
            for down in range(-2, 3)
            for right in range(-3, 4)
            if torch.equal(moved, _moved(images[0], down, right))
        )
        seen |= {("down", down), ("right", right)}
    assert seen == {("down", n) for n in range(-2, 3)} | {("right", n) for n in range(-3, 4)}


def _moved(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    _, height, width = image.shape
    padded = F.pad(image, (4, 4, 4, 4))
    return padded[:, 4 - down : 4 - down + height, 4 - right : 4 - right + width]


def test_cutout_hides_a_square_of_half_the_sides_wherever_its_centre_falls():
    ones = torch.ones(1, 3, 16, 8)
    whole = cutout(ones, torch.tensor([[0.5, 0.5, 0.0]]))[0]
    assert (whole == 0).sum() == 3 * 8 * 4
    assert (whole[:, 4:12, 2:6] == 0).all()
    corner = cutout(ones, torch.tensor([[0.0, 1 - 2**-24, 0.0]]))[0]
    assert (corner == 0).sum() == 3 * 4 * 2
    assert (corner[:, :4, 6:] == 0).all()


def test_mirror_and_rotation_by_hand():
    image = torch.randn(1, 3, 4, 4)
    assert torch.equal(mirror(image, torch.tensor([[0.4, 0, 0]])), image)
    assert torch.equal(mirror(image, torch.tensor([[0.6, 0, 0]])), image.flip(3))
    for quarter, share in enumerate((0.1, 0.3, 0.6, 1 - 2**-24)):
        turned = rotation(image, torch.tensor([[share, 0, 0]]))
        assert torch.equal(turned, image.rot90(quarter, (2, 3)))
    wide = torch.randn(2, 1, 4, 6)
    turned = rotation(wide, torch.tensor([[0.4, 0, 0], [0.6, 0, 0]]))
    assert torch.equal(turned, torch.stack([wide[0], wide[1].flip(1, 2)]))


def test_scale_by_hand():
    ramp = torch.linspace(-1, 1, 16).expand(3, 1, 16, 16)
    same, smaller, larger = scale(ramp, torch.tensor([[0.5], [0.1], [0.9]]).expand(3, 3))
    torch.testing.assert_close(same, ramp[0])
    # Smaller, the slope is steeper: normal at 0.1 is -1.28 deviations, of 0.2 in the exponent.
    slopes = [float(image[0, 8, 8] - image[0, 8, 7]) for image in (same, smaller, larger)]
    assert slopes[1] / slopes[0] == pytest.approx(2 ** (0.2 * 1.2816), rel=1e-3)
    assert slopes[2] / slopes[0] == pytest.approx(2 ** (-0.2 * 1.2816), rel=1e-3)
    ends = scale(ramp[:2], torch.tensor([[0.0], [1 - 2**-24]]).expand(2, 3))
    assert ends.isfinite().all()


def spy(network: nn.Module) -> list[torch.Tensor]:
    """What a network is given from now on."""
    seen: list[torch.Tensor] = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    return seen


def test_noise_falls_linearly_to_zero(digits):
    match = make_match("dcgan", digits[0], training__instance_noise=0.4, training__steps=4)
    seen = spy(match.networks.discriminator)
    spread = []
    for _ in range(4):
        match.step += 1
        game = match.game(match.draw(), with_gradient=False)
        game.score(game.real)
        spread.append((seen[-1] - game.real).std().item())
        assert (seen[-1] - game.real).mean().abs() < 0.05
    assert spread[:3] == pytest.approx([0.3, 0.2, 0.1], rel=0.05)
    assert spread[3] == 0


def test_noise_may_fall_faster_than_the_run(digits):
    match = make_match(
        "dcgan", digits[0], training__instance_noise=1, training__instance_noise_steps=10
    )
    assert [match.view.noise(step) for step in (0, 5, 10, 11)] == [1, 0.5, 0, 0]
    assert match.view.at(9) is not None
    assert match.view.at(10) is None


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_real_and_fake_are_shown_so_in_both_turns(precision, digits):
    match = make_match("dcgan", digits[0], schedule__precision=precision, **EVERYTHING)
    match.step = 1
    seen = spy(match.networks.discriminator)
    game = match.game(match.draw(), with_gradient=True)
    match.turn(match.discriminator, [game])
    match.turn(match.generator, [game])
    given = [game.real, game.fake, game.fake]
    assert len(seen) == 3
    for shown, samples in zip(seen, given, strict=True):
        assert shown.dtype == torch.float32
        assert shown.is_contiguous(memory_format=torch.channels_last)
        assert (shown - samples).abs().flatten(1).mean(1).min() > 0.02  # each one of them
    assert not torch.equal(seen[1], seen[2]), "drawn anew in each turn"
    assert all(p.grad is not None and p.grad.any() for p in match.generator.parameters)


def test_penalties_are_taken_where_the_discriminator_judges():
    class Square(nn.Module):
        def forward(self, x):
            return (x * x / 2).sum(1)

    real = torch.randn(8, 2)
    game = Game(real, real, real, None, nn.Identity(), Square(), view=lambda x: 3 * x + 1)
    torch.testing.assert_close(game.score_gradient(real), 3 * real + 1)
    torch.testing.assert_close(game.score(real), (3 * real + 1).square().sum(1) / 2)


def test_a_penalty_of_a_discriminator_that_judges_pairs():
    class Pairs(nn.Module):
        def forward(self, x, latent):
            return (x * x * latent / 2).sum(1)

    real, code = torch.randn(2, 8, 2)
    game = Game(real, real, real, None, nn.Identity(), Pairs())
    torch.testing.assert_close(game.score_gradient(real, latent=code), real * code)


def test_two_processes_show_what_one_shows():
    training = Training(augment=("color", "translation", "cutout"), instance_noise=0.5)
    images = torch.randn(8, 3, 16, 16)
    rngs = [torch.Generator().manual_seed(3) for _ in range(3)]
    whole = View(training, rngs[0], Processes()).at(0)
    first, second = (View(training, rngs[1 + r], Processes(r, 2)).at(0) for r in (0, 1))
    for _ in range(2):
        parts = [first(images[:4]), second(images[4:])]
        torch.testing.assert_close(whole(images), torch.cat(parts))


def test_without_the_options_nothing_is_done_and_nothing_drawn(digits):
    match = make_match("dcgan", digits[0], schedule__precision="fp32")
    before = match.batches.rng.get_state()
    assert match.view.at(0) is None
    game = match.game(match.draw(), with_gradient=False)
    assert game.shown(game.real) is game.real
    assert match.replay is None
    match.batches.rng.set_state(before)
    latent = match.architecture.sample_latent(len(game.real), match.batches.rng)
    assert torch.equal(latent, game.latent)


def test_each_augmentation_is_done_to_a_share_of_the_samples():
    training = Training(augment=("mirror", "rotation"))
    images, chance = torch.randn(2000, 1, 4, 4), torch.tensor(0.0)
    view = View(training, torch.Generator().manual_seed(0), Processes(), chance=chance)
    assert torch.equal(view.at(0)(images), images)
    chance.fill_(0.5)
    left = (view.at(0)(images) == images).flatten(1).all(1).float().mean()
    # Half are not mirrored and half of the others stay as they are; of turned ones, a quarter do.
    assert left == pytest.approx((0.5 + 0.5 / 2) * (0.5 + 0.5 / 4), abs=0.04)


@pytest.mark.parametrize(
    ("objective", "real", "fake", "sign"),
    [
        ("non-saturating", 0.1, 0.2, 1.0),
        ("least-squares", 0.4, 0.2, -1.0),
        ("wasserstein", -5.0, -6.0, 1.0),  # its scores have no zero: pairs are compared
        ("wasserstein", 5.0, 6.0, -1.0),
        ("hinge", float("nan"), 0.0, 0.0),
    ],
)
def test_the_chance_follows_the_signs_of_real_scores(objective, real, fake, sign):
    training = Training(batch_size=8, ada_target=0.6, ada_images=80)
    ada = Adaptive(training, find(ObjectiveEntry, objective)(), torch.device("cpu"), Processes())
    totals, seen = Totals(), []
    game = Game(torch.zeros(4), torch.ones(4), torch.zeros(4), None, nn.Identity(), nn.Identity())
    for _ in range(30):
        ada.begin()
        ada.judged(game, game.real, torch.full((4,), real))
        ada.judged(game, game.fake, torch.full((4,), fake))
        ada.judged(game, torch.zeros(4), torch.full((4,), -real))  # as a penalty's samples
        ada.follow(totals)
        seen.append(float(ada.chance))
    assert float(ada.sign) == pytest.approx(sign, abs=1e-3)
    if sign < 1:
        assert seen == [0] * 30
    else:  # the running mean passes 0.6 with the fourth; a tenth in each step from there on
        assert seen[:6] == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])
        assert seen[-1] == 1
    assert totals.means(Processes())["ada_sign"] <= 1


def test_ada_takes_the_augmentations_that_suit_it_and_logs_its_chance(digits):
    options = {"training__ada_target": -0.9, "training__ada_images": 64, "training__batch_size": 16}
    match = make_match("dcgan", digits[0], **options)
    assert match.training.augment == ("color", "mirror", "rotation", "scale", "translation")
    for _ in range(4):
        match.play()
    means = match.totals.means(match.processes)
    assert means["ada_p"] > 0
    assert float(match.adaptive.chance) == pytest.approx(1)
    named = make_match("dcgan", digits[0], training__augment=["cutout"], **options)
    assert named.training.augment == ("cutout",)


def test_an_objective_that_never_looks_at_real_samples_cannot_be_followed(digits):
    match = make_match("dcgan", digits[0], training__ada_target=0.6)
    match.objective.discriminator_terms = lambda game: {"fake": game.score(game.fake).mean()}
    with pytest.raises(GanzooError, match=r"training.ada_target=0\.6: the objective never asks"):
        match.play()
