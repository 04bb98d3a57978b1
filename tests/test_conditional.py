"""Attention, shared conditions and orthogonal regularisation of the class-conditional family."""

from __future__ import annotations

import pytest
import torch
from ganzoo_conditional.attention import Attention
from ganzoo_conditional.conditioning import SharedConditions
from ganzoo_conditional.orthogonal import OrthogonalHinge
from torch import nn

import ganzoo
from ganzoo.architecture import build_architecture
from ganzoo.game import Game
from ganzoo.models.load import find_architecture
from ganzoo.spec import SampleSpec


def architecture(name: str, size: int, **options: object) -> ganzoo.Architecture:
    spec = SampleSpec("image", (3, size, size), classes=("a", "b", "c"))
    return build_architecture(find_architecture(name), name, options, spec)


def test_attention_begins_as_nothing_and_then_sees_all_places():
    attention, maps = Attention(16).eval(), torch.randn(2, 16, 8, 8)
    assert torch.equal(attention(maps), maps)
    nn.init.ones_(attention.share)
    changed = maps.clone()
    changed[0, :, 0, 0] += 3
    apart = (attention(changed) - attention(maps)).abs().amax(1)
    assert apart[0].min() > 0  # also in the corner that is farthest away
    assert apart[1].max() == 0  # and in no other sample


@pytest.mark.parametrize(("chunks", "start", "size"), [(True, 6, 9), (False, 18, 5)])
def test_conditions_share_an_embedding_and_have_chunks_of_their_own(chunks, start, size):
    conditions = SharedConditions(3, 18, 5, 3, chunks)
    latent, labels = torch.randn(4, 18), torch.tensor([0, 1, 2, 0])
    first, parts = conditions(latent, labels)
    assert (conditions.start, conditions.size) == (start, size)
    assert first.shape == (4, start)
    assert [part.shape for part in parts] == [(4, size)] * 3
    assert all(torch.equal(part[:, :5], conditions.embed(labels)) for part in parts)
    together = torch.cat([first, *(part[:, 5:] for part in parts)], 1)
    assert torch.equal(together, latent)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("name", ["projection", "acgan", "biggan"])
def test_sizes_up_to_256(name, size):
    options = {} if name == "acgan" else {"attention": 16}
    made = architecture(name, size, width=4, **options)
    latent, labels = made.sample_latent(2, torch.Generator()), torch.tensor([0, 2])
    samples = made.build_generator()(latent, labels)
    assert samples.shape == (2, 3, size, size)
    scores = made.build_discriminator()(samples, labels)
    assert len(scores if name != "acgan" else scores.score) == 2


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("projection", {"attention": 32}, "attention=32: it goes with maps of 8 or 16"),
        ("biggan", {"attention": 12}, "attention=12: it goes with maps of 8 or 16"),
        ("projection", {"conditioning": "hierarchical", "latent_size": 2}, "cut into 4 chunks"),
        ("projection", {"conditioning": "layered"}, "one of class, shared, hierarchical"),
    ],
)
def test_options_that_do_not_go(name, options, why):
    with pytest.raises(ganzoo.GanzooError, match=why):
        architecture(name, 32, **options)


def test_only_what_rows_have_in_common_is_regularised():
    network = nn.Sequential(nn.Linear(3, 2), nn.Embedding(4, 2))
    nn.init.zeros_(network[0].weight)
    network[0].weight.data[0, 0], network[0].weight.data[1, 1] = 5.0, 0.1
    batch = torch.zeros(1, 2)
    game = Game(batch, batch, batch, None, network, nn.Linear(2, 1))
    objective = OrthogonalHinge(OrthogonalHinge.Config(orthogonal_weight=0.5))
    assert objective.orthogonal(game) == 0  # rows of any lengths, at right angles
    network[0].weight.data[1, 0] = 2.0
    assert objective.orthogonal(game).item() == pytest.approx(0.5 * (10**2 + 10**2) / 2)
    (term,) = objective.regularisers()
    assert (term.player, term.every) == ("generator", 1)


def test_it_goes_with_any_architecture(digits, tmp_path):
    settings = {"widths": [8], "training.batch_size": 8, "objective.orthogonal_weight": 1e-2}
    run = ganzoo.train(
        *("vanilla", digits[0][:16]),
        objective="hinge-orthogonal",
        steps=1,
        log_every=1,
        settings=settings,
        out=tmp_path / "run",
    )
    assert run.metrics()[-1]["generator_orthogonal"] > 0
