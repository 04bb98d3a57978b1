"""What a plugin's author subclasses: the networks and the recipe, and nothing of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.objectives import Objective
from ganzoo.options import Options, make
from ganzoo.spec import SampleSpec


class Training(Options):
    """How the game is played. An architecture sets its recipe's values as defaults."""

    steps: int = Field(20_000, ge=1, description="generator updates in the whole run")
    batch_size: int = Field(64, ge=1, description="real samples a step, over all processes")
    optimizer: Literal["adam", "rmsprop", "sgd"] = Field(
        "adam", description="optimizer of both players"
    )
    generator_lr: float = Field(2e-4, gt=0, description="learning rate of the generator")
    discriminator_lr: float = Field(2e-4, gt=0, description="learning rate of the discriminator")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's first beta")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's second beta; RMSprop's alpha")
    momentum: float = Field(0.0, ge=0, lt=1, description="momentum of sgd and rmsprop")
    lr_decay: Literal["constant", "linear"] = Field(
        "constant", description="linear: both learning rates go down to 0 over the run"
    )
    discriminator_steps: int = Field(1, ge=1, description="discriminator updates a step")
    discriminator_warmup: int = Field(
        0, ge=0, description="discriminator updates before the first step"
    )
    ema_decay: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="decay of the generator's moving average, reached gradually; 0: no average",
    )
    clip_gradients: float | None = Field(
        None, gt=0, description="largest norm of each player's gradient"
    )
    flip: bool = Field(False, description="mirror half of the images, left to right")
    dequantize: bool = Field(
        False, description="add uniform noise of one level to 8-bit samples, as WGAN-GP does"
    )
    augment: tuple[Literal["color", "translation", "cutout"], ...] = Field(
        (), description="what is done to images, real and fake, before the discriminator sees them"
    )
    instance_noise: float = Field(
        0.0,
        ge=0,
        description="standard deviation of the noise on all that the discriminator sees; it falls "
        "linearly to 0",
    )
    instance_noise_steps: int | None = Field(
        None, ge=1, description="steps of that fall; null: the whole run"
    )
    replay: float = Field(
        0.0, ge=0, lt=1, description="share of the discriminator's fakes that are old ones"
    )
    replay_size: int = Field(
        1024, ge=1, description="old fakes that are kept for that, over all processes"
    )

    @field_validator("augment")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("a name is there twice")
        return names


class Architecture:
    """A family of GANs: its options, its recipe, and its networks for a given sample spec.

    A subclass says nothing of devices, precision, files or processes. It sets the class
    attributes that differ and defines `build_generator` and `build_discriminator`. The
    networks must keep all their state in parameters and buffers. Before a model is loaded, its
    generator is built once without memory (torch's meta device) and compared with the file;
    code that reads values of tensors while it builds cannot be checked so.

    The generator is called as ``generator(latent)``, or ``generator(latent, labels)`` where
    `conditional` is true, and returns samples of shape (N, *spec.shape) in the spec's range.
    In eval mode a sample depends on its own latent and label alone, so that it is the same in
    any batch: noise belongs into the latent (see `sample_latent`).

    The discriminator is called as ``discriminator(samples)`` or ``discriminator(samples,
    labels)`` and returns scores, a tensor with one real number a sample (or a `pack` of
    samples), higher for real; one that judges patches gives as many for each sample. Where an
    objective needs more than scores (a reconstruction, class logits, a code), it returns a named
    tuple with a field ``score`` and the others. It may look at the other samples of its batch, as
    batch normalisation does: real samples and fakes come in batches of their own.
    Labels are int64 of shape (N,). Neither network changes what it is given.

    `ganzoo.testing` and ``ganzoo check-plugin`` hold all of this against an architecture.
    """

    class Config(Options):
        """The architecture's own options: ``--set width=64``. Give each a description."""

    #: The recipe. The objective is a name, or a class that no plugin offers.
    training: ClassVar[Training] = Training()
    objective: ClassVar[str | type[Objective]] = "non-saturating"
    objective_options: ClassVar[dict[str, Any]] = {}
    #: The kinds of sample it can make; empty: any.
    kinds: ClassVar[tuple[str, ...]] = ("image",)
    #: The image sizes (height = width, in pixels) that it can do; empty: any.
    image_sizes: ClassVar[tuple[int, ...]] = ()
    #: Whether its networks take labels.
    conditional: ClassVar[bool] = False
    #: The paper, as a link or a reference.
    paper: ClassVar[str] = ""

    def __init__(self, spec: SampleSpec, config: Any = None) -> None:
        self.spec = spec
        self.config: Any = self.Config() if config is None else config
        if self.kinds and spec.kind not in self.kinds:
            raise ValueError(f"it makes {' or '.join(self.kinds)}, not {spec.kind}")
        sizes = [(size, size) for size in self.image_sizes]
        if sizes and spec.kind == "image" and spec.shape[1:] not in sizes:
            known = ", ".join(str(size) for size in self.image_sizes)
            raise ValueError(f"no images of shape {spec.shape}; it can do squares of {known}")
        if self.conditional and not spec.classes:
            raise ValueError("it takes labels, and there are no classes")
        self.check()

    @property
    def pack(self) -> int:
        """How many consecutive samples of a batch the discriminator judges together, with one
        score (PacGAN, Lin 2018, arXiv:1712.04086). The batch size must be a multiple of it."""
        return 1

    def check(self) -> None:
        """Raise ValueError, with what would be right, where spec and config do not go together."""

    def build_generator(self) -> nn.Module:
        """The generator, with its initial weights."""
        raise NotImplementedError(f"{type(self).__name__} has no build_generator")

    def build_discriminator(self) -> nn.Module:
        """The discriminator, with its initial weights."""
        raise NotImplementedError(f"{type(self).__name__} has no build_discriminator")

    def build_partners(self) -> dict[str, nn.Module]:
        """Further networks that are trained together with the generator, by name: an encoder."""
        return {}

    def sample_latent(self, count: int, rng: torch.Generator) -> Tensor:
        """`count` latents, drawn with `rng` alone, on its device: (count, latent_size), N(0, 1).

        The length is the option ``latent_size``. Override it for another distribution.
        """
        return torch.randn(count, self.config.latent_size, generator=rng, device=rng.device)


def build_architecture(
    architecture: type[Architecture], name: str, options: Mapping[str, Any], spec: SampleSpec
) -> Architecture:
    """The architecture called `name` with its options. Raises GanzooError that says what of the
    options is wrong, or how spec and options do not go together."""
    config = make(architecture.Config, options, name)
    try:
        return architecture(spec, config)
    except ValueError as error:
        raise GanzooError(f"{name}: {error}") from None
