"""Architectures that break the contract, each in one way; the check that is meant for it."""

from __future__ import annotations

import math
import os
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Game, Options, Training
from ganzoo.game import Networks
from ganzoo.objectives import NonSaturating


class Fine(Architecture):
    """Nothing is wrong with it."""

    class Config(Options):
        latent_size: int = Field(4, ge=1, description="length of a latent")

    kinds: ClassVar = ("image",)
    image_sizes: ClassVar = (4,)
    training: ClassVar = Training(batch_size=8, steps=4)

    def build_generator(self) -> nn.Module:
        return Generator(self.config.latent_size, self.spec.shape)

    def build_discriminator(self) -> nn.Module:
        return Discriminator(self.spec.size)


class Generator(nn.Module):
    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        size = shape[0] * shape[1] * shape[2]
        self.first, self.last = nn.Linear(latent, 16), nn.Linear(16, size)
        self.shape = shape

    def forward(self, latent: Tensor) -> Tensor:
        return self.out(self.last(self.hidden(latent)))

    def hidden(self, latent: Tensor) -> Tensor:
        return torch.relu(self.first(latent))

    def out(self, values: Tensor) -> Tensor:
        return torch.tanh(values).view(-1, *self.shape)


class Discriminator(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(size, 16), nn.Linear(16, 1)

    def forward(self, samples: Tensor) -> Tensor:
        return self.last(torch.relu(self.first(samples.flatten(1))))


def faulty(
    found_by: str, /, *, generator: Any = None, discriminator: Any = None, **attributes: Any
):
    """An architecture with another network or attribute, and the check that should find it."""
    if generator is not None:
        attributes["build_generator"] = lambda self: generator(
            self.config.latent_size, self.spec.shape
        )
    if discriminator is not None:
        attributes["build_discriminator"] = lambda self: discriminator(self.spec.size)
    return found_by, type("Faulty", (Fine,), attributes)


class FlatSamples(Generator):
    def out(self, values: Tensor) -> Tensor:
        return torch.tanh(values)


class OneScore(Discriminator):
    def forward(self, samples: Tensor) -> Tensor:
        return super().forward(samples).mean()


class OneSize(Discriminator):
    """Made for grey images, whatever is claimed."""

    def __init__(self, size: int) -> None:
        super().__init__(16)


class Unbounded(Generator):
    def out(self, values: Tensor) -> Tensor:
        return (3 * values).view(-1, *self.shape)


class AnyBounded(Generator):
    """Of any shape, and within [-1, 1] whatever the samples are."""

    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__(latent, (math.prod(shape), 1, 1))
        self.shape = shape


class Detached(Generator):
    def hidden(self, latent: Tensor) -> Tensor:
        return super().hidden(latent).detach()


class IdleLayer(Discriminator):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.idle = nn.Linear(3, 3)


class Counting(Discriminator):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.calls = 0

    def forward(self, samples: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(samples) * (1 + self.calls)


class ChangesLatents(Generator):
    def hidden(self, latent: Tensor) -> Tensor:
        return super().hidden(latent.mul_(2))


class ChangesSamples(Discriminator):
    def forward(self, samples: Tensor) -> Tensor:
        return super().forward(samples.clamp_(-0.5, 0.5))


class Noisy(Generator):
    def hidden(self, latent: Tensor) -> Tensor:
        hidden = super().hidden(latent)
        return hidden + 0.1 * torch.randn_like(hidden)


class OfTheBatch(Generator):
    def hidden(self, latent: Tensor) -> Tensor:
        return super().hidden(latent - latent.mean(0))


class NumpyWeights(Generator):
    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__(latent, shape)
        noise = np.random.default_rng().normal(size=(16, latent))
        self.first.weight.data += torch.from_numpy(noise).float()


class OwnChance(Discriminator):
    """Noise that the seed does not reach; never 0, or there would be no gradient by chance."""

    def forward(self, samples: Tensor) -> Tensor:
        score = super().forward(samples)
        if not self.training:
            return score
        noise = torch.tensor([1 + byte / 255 for byte in os.urandom(len(samples))])
        return score * noise[:, None].to(score.device)


class Coarse(Generator):
    """Large numbers that should cancel each other, which bf16 has not the digits for."""

    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__(latent, shape)
        nn.init.constant_(self.first.bias, 1000.0)

    def hidden(self, latent: Tensor) -> Tensor:
        return self.first(latent) - 1000


class Drifting(Generator):
    """Its weights follow the data that this process happens to see."""

    def hidden(self, latent: Tensor) -> Tensor:
        if self.training:
            self.first.bias.data += 0.01 * latent.mean()
        return super().hidden(latent)


class Backward(NonSaturating):
    """Trains the generator in the discriminator's turn."""

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        with torch.enable_grad():
            game.score(game.generate(game.latent)).sum().backward()
        return super().discriminator_terms(game)


class Remembering(NonSaturating):
    """Its loss depends on how often it was asked, and no checkpoint knows."""

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        self.calls = getattr(self, "calls", 0) + 1
        terms = super().generator_terms(game)
        return {"adversarial": terms["adversarial"] * (1 + 5 * self.calls)}


class Constant(NonSaturating):
    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        return {"adversarial": game.score(game.fake.detach()).mean().detach()}


class Vector(NonSaturating):
    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        return {"adversarial": game.score(game.fake)}


class HeldAside(Generator):
    """Holds a tensor that moves to no device with it."""

    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__(latent, shape)
        self.scale = torch.full((16,), 2.0)

    def hidden(self, latent: Tensor) -> Tensor:
        return self.scale * super().hidden(latent)


class MadeOnTheCPU(Discriminator):
    """Makes a tensor without saying where."""

    def forward(self, samples: Tensor) -> Tensor:
        return super().forward(samples) * torch.ones(len(samples), 1)


class WeightsAside(Discriminator):
    """Holds a layer in a list, which is moved nowhere; the matrix product itself would not say."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.more = [nn.Linear(size, size)]

    def forward(self, samples: Tensor) -> Tensor:
        return super().forward(self.more[0](samples.flatten(1)))


class Reading(Generator):
    """Reads a number of a tensor, and does another thing for it."""

    def hidden(self, latent: Tensor) -> Tensor:
        hidden = super().hidden(latent)
        return hidden if float(hidden.detach().mean()) < 1e6 else hidden / 2


class Branching(Discriminator):
    def forward(self, samples: Tensor) -> Tensor:
        return super().forward(samples if samples.isfinite().all() else samples.nan_to_num())


class Masking(Discriminator):
    """The shape of what it picks is not known before the device has computed."""

    def forward(self, samples: Tensor) -> Tensor:
        return super().forward(samples) + samples[samples > 2].sum()


class ReadingTerms(NonSaturating):
    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        terms = super().generator_terms(game)
        return {name: term * (2 if term.item() > 1e6 else 1) for name, term in terms.items()}


class TermsAside(NonSaturating):
    """Follows the scores in a tensor that is no buffer."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.weights = torch.ones(1)

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        return {
            name: (self.weights * t).sum() for name, t in super().discriminator_terms(game).items()
        }


class Squashed(Discriminator):
    def forward(self, samples: Tensor) -> Tensor:
        return torch.sigmoid(super().forward(samples))


class NoDescription(Options):
    latent_size: int = 4


class NoDefault(Options):
    latent_size: int = Field(description="length of a latent")


def _flat_generate(
    self: Architecture, network: nn.Module, latent: Tensor, labels: Tensor | None, sampling: Any
) -> Tensor:
    return network(latent).flatten(1)


def _half_way(self: Architecture, first: Tensor, last: Tensor, weights: Tensor) -> Tensor:
    return torch.lerp(first, last, 0.5 * weights[:, None])


def _always_renamed(
    cls: type[Architecture], options: dict[str, Any], state: dict[str, Tensor], version: str
) -> Any:
    return options, {name.replace("first", "begin"): tensor for name, tensor in state.items()}


def _of_both(self: Architecture, networks: Networks) -> dict[str, torch.optim.Optimizer]:
    both = [*networks.generator.parameters(), *networks.discriminator.parameters()]
    return {player: torch.optim.SGD(both, 0.01) for player in ("generator", "discriminator")}


def _below_zero(self: Architecture, player: str, step: int) -> float:
    return 0.001 * (1 - step)


def _global_latent(self: Architecture, count: int, rng: torch.Generator) -> Tensor:
    return torch.randn(count, 4)


def _share(self: Architecture) -> nn.Module:
    made = Discriminator(self.spec.size)
    made.last = SHARED
    return made


def _with_shared(self: Architecture) -> nn.Module:
    made = Generator(4, self.spec.shape)
    made.extra = SHARED
    return made


SHARED = nn.Linear(16, 1)


def _refuses(self: Architecture) -> None:
    if self.spec.shape[1] == 8:
        raise ValueError("no images of 8 pixels")


class Labelled(Generator):
    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__(latent, shape)
        self.embed = nn.Embedding(3, latent)

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        return super().forward(latent + self.embed(labels))


class Unlabelled(Generator):
    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        return super().forward(latent)


class Judge(Discriminator):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.embed = nn.Embedding(3, size)

    def forward(self, samples: Tensor, labels: Tensor) -> Tensor:
        return super().forward(samples.flatten(1) + self.embed(labels))


class Unlooking(Discriminator):
    def forward(self, samples: Tensor, labels: Tensor) -> Tensor:
        return super().forward(samples)


def _looks_for_an_image(self: Architecture) -> None:
    if self.spec.shape[1] != self.spec.shape[2]:
        raise ValueError("squares alone")


FAULTS = {
    "flat samples": faulty("shapes", generator=FlatSamples),
    "one score": faulty("shapes", discriminator=OneScore),
    "claims colour": faulty("shapes", discriminator=OneSize),
    "refuses what it claims": faulty("building", check=_refuses, image_sizes=(4, 8)),
    "no packs": faulty("shapes", pack=2),
    "a check that fails": faulty("building", check=_looks_for_an_image, kinds=(), image_sizes=()),
    "no module": faulty("building", build_generator=lambda self: torch.relu),
    "raises": faulty("building", build_discriminator=lambda self: 1 / 0),
    "weights from numpy": faulty("building", generator=NumpyWeights),
    "unbounded": faulty("range", generator=Unbounded),
    "global latent": faulty("latents", sample_latent=_global_latent),
    "latents in place": faulty("inputs", generator=ChangesLatents),
    "samples in place": faulty("inputs", discriminator=ChangesSamples),
    "noise": faulty("own-latent", generator=Noisy),
    "of the batch": faulty("own-latent", generator=OfTheBatch),
    "bounded without bounds": faulty("range", generator=AnyBounded, kinds=(), image_sizes=()),
    "a sigmoid": faulty("scores", discriminator=Squashed),
    "a tensor aside": faulty("device", generator=HeldAside),
    "a tensor of the CPU": faulty("device", discriminator=MadeOnTheCPU),
    "weights in a list": faulty("device", discriminator=WeightsAside),
    "a number read": faulty("device", generator=Reading),
    "a branch": faulty("device", discriminator=Branching),
    "a mask": faulty("device", discriminator=Masking),
    "terms that are read": faulty("device", objective=ReadingTerms),
    "terms aside": faulty("device", objective=TermsAside),
    "constant loss": faulty("terms", objective=Constant),
    "loss of a vector": faulty("terms", objective=Vector),
    "shared layer": faulty("apart", build_generator=_with_shared, build_discriminator=_share),
    "backward in the other's turn": faulty("apart", objective=Backward),
    "detached": faulty("gradients", generator=Detached),
    "idle layer": faulty("gradients", discriminator=IdleLayer),
    "labels ignored": faulty("labels", generator=Unlabelled, discriminator=Judge, conditional=True),
    "labels not looked at": faulty(
        "labels", generator=Labelled, discriminator=Unlooking, conditional=True
    ),
    "a counter": faulty("state", discriminator=Counting),
    "coarse in bf16": faulty("precision", generator=Coarse),
    "own chance": faulty("seed", discriminator=OwnChance),
    "no description": faulty("options", Config=NoDescription),
    "no default": faulty("options", Config=NoDefault),
    "an option of sampling without a description": faulty("options", Sampling=NoDescription),
    "samples in another shape": faulty("sampling", generate=_flat_generate),
    "half of the way": faulty("sampling", interpolate=_half_way),
    "an upgrade of what is new": faulty("upgrade", upgrade=classmethod(_always_renamed)),
    "optimizers of both": faulty("recipe", optimizers=_of_both),
    "a rate below 0": faulty("recipe", learning_rate=_below_zero),
    "an objective that remembers": faulty("resuming", objective=Remembering),
    "drifting weights": faulty("processes", generator=Drifting),
}

#: Another process finds this one by its name.
DriftingWeights = FAULTS["drifting weights"][1]
DriftingWeights.__module__, DriftingWeights.__qualname__ = __name__, "DriftingWeights"


def _grey(self: Architecture) -> None:
    if self.spec.shape[0] != 1:
        raise ValueError("grey images alone")


class FromZero(Generator):
    """Its last layer begins at zero."""

    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__(latent, shape)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)


class Patches(Discriminator):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.last = nn.Linear(16, 4)


class Bounded(Discriminator):
    """A critic within [-1, 1]."""

    def forward(self, samples: Tensor) -> Tensor:
        return torch.tanh(super().forward(samples))


class Energy(Discriminator):
    """Scores that are never negative."""

    def forward(self, samples: Tensor) -> Tensor:
        return super().forward(samples).square()


class OneNumber(Generator):
    """A tensor of one number goes with tensors of any device; so does one that is moved first."""

    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__(latent, shape)
        self.scale, self.shift = torch.tensor(0.5), torch.ones(16)

    def hidden(self, latent: Tensor) -> Tensor:
        return super().hidden(latent) * self.scale + self.shift.to(latent.device)


class Free(Generator):
    """Bounded where the samples are, and of any shape."""

    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__(latent, (math.prod(shape), 1, 1))
        self.shape = shape

    def out(self, values: Tensor) -> Tensor:
        return values.view(-1, *self.shape)


def _bounded_where_it_is(self: Architecture) -> nn.Module:
    kind = AnyBounded if self.spec.bounded else Free
    return kind(self.config.latent_size, self.spec.shape)


class Pairs(Discriminator):
    """Judges samples with their latents."""

    def __init__(self, size: int) -> None:
        super().__init__(size + 4)

    def forward(self, samples: Tensor, latent: Tensor) -> Tensor:
        return super().forward(torch.cat([samples.flatten(1), latent], 1))


class OfPairs(NonSaturating):
    """As BiGAN has it: an encoder gives the latents of real samples."""

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        real = game.score(game.real, latent=game.partners["encoder"](game.real.flatten(1)).detach())
        return {
            "real": self.real_loss(real),
            "fake": self.fake_loss(game.score(game.fake, latent=game.latent)),
        }

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        real = game.score(game.real, latent=game.partners["encoder"](game.real.flatten(1)))
        fake = game.score(game.fake, latent=game.latent)
        return {"adversarial": self.generator_loss(fake), "encoder": self.fake_loss(real)}


class Translator(Generator):
    """Makes a picture of another one."""

    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__(shape[0] * shape[1] * shape[2], shape)

    def forward(self, picture: Tensor) -> Tensor:
        return super().forward(picture.flatten(1))


def _needs_inputs(self: Architecture) -> None:
    if self.spec.inputs is None:
        raise ValueError("it makes pictures of pictures, and the data has no inputs")


def _encoder(self: Architecture) -> dict[str, nn.Module]:
    return {"encoder": nn.Linear(self.spec.size, 4)}


#: Architectures that keep the contract, each in a way that a check might take for a fault.
SOUND = {
    "fine": Fine,
    "grey": type("Grey", (Fine,), {"check": _grey}),
    "from zero": faulty("", generator=FromZero)[1],
    "patches": faulty("", discriminator=Patches)[1],
    "a bounded critic": faulty("", discriminator=Bounded)[1],
    "an energy": faulty("", discriminator=Energy)[1],
    "one number": faulty("", generator=OneNumber)[1],
    "bounded where samples are": faulty(
        "", build_generator=_bounded_where_it_is, kinds=(), image_sizes=()
    )[1],
    "translation": faulty("", generator=Translator, check=_needs_inputs)[1],
    "pairs": faulty("", discriminator=Pairs, objective=OfPairs, build_partners=_encoder)[1],
}
