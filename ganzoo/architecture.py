"""What a plugin's author subclasses: the networks and the recipe, and nothing of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.game import Networks, call
from ganzoo.objectives import Objective
from ganzoo.options import Options, make
from ganzoo.spec import ImageSizes, SampleSpec
from ganzoo.training import PLAYERS, Training, make_optimizer, scheduled

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset


class Architecture:
    """A family of GANs: its options, its recipe, and its networks for a given sample spec.

    A subclass says nothing of devices, precision, files or processes. It sets the class
    attributes that differ and defines `build_generator` and `build_discriminator`. The
    networks must keep all their state in parameters and buffers. Before a model is loaded, its
    generator is built once without memory (torch's meta device) and compared with the file;
    code that reads values of tensors while it builds cannot be checked so.

    Beyond these two methods everything has a default: how latents are drawn or made from inputs
    (`sample_latent`, `condition`, `latent_from`), how samples are made of them (`generate`,
    `interpolate`), which real samples are drawn and what the discriminator is told of them
    (`sample_weights`, `context`), and how the networks are trained (`optimizers`,
    `learning_rate`, `after_step`).

    The generator is called as ``generator(latent)``, or ``generator(latent, labels)`` where
    `conditional` is true, and returns samples of shape (N, *spec.shape) in the spec's range.
    In eval mode a sample depends on its own latent and label alone, so that it is the same in
    any batch: noise belongs in the latent (see `sample_latent`).

    The discriminator is called as ``discriminator(samples)`` or ``discriminator(samples,
    labels)`` and returns scores, a tensor with one real number a sample (or a `pack` of
    samples), higher for real; one that judges patches gives as many for each sample. Where an
    objective needs more than scores (a reconstruction, class logits, a code), it returns a named
    tuple with a field ``score`` and the others. It may look at the other samples of its batch, as
    batch normalisation does: real samples and fakes come in batches of their own.
    Labels are int64 of shape (N,). Neither network changes its arguments.

    `ganzoo.testing` and ``ganzoo check-plugin`` hold all of this against an architecture.
    """

    class Config(Options):
        """The architecture's own options: ``--set width=64``. Give each a description."""

    class Sampling(Options):
        """Options of sampling, which `generate` gets: ``sample(16, truncation=0.7)``."""

    #: The recipe; in an instance that trains, the options of its run. The objective is a name, or
    #: a class that no plugin offers.
    training: ClassVar[Training] = Training()
    objective: ClassVar[str | type[Objective]] = "non-saturating"
    objective_options: ClassVar[dict[str, Any]] = {}
    #: The kinds of sample it can make; empty: any.
    kinds: ClassVar[tuple[str, ...]] = ("image",)
    #: The sizes of square images, in pixels, that it can do; empty: any.
    image_sizes: ClassVar[tuple[int, ...]] = ()
    #: What height and width are multiples of where it can do others than these squares, rectangles
    #: too, up to the largest of them; 0: it cannot.
    image_multiple: ClassVar[int] = 0
    #: Whether its networks take labels.
    conditional: ClassVar[bool] = False
    #: Whether the data must have inputs for the generator to work from: ``any``, or ``paired``, one
    #: for each sample.
    needs_inputs: ClassVar[Literal["", "any", "paired"]] = ""
    #: The paper, as a link or a reference.
    paper: ClassVar[str] = ""

    def __init__(
        self, spec: SampleSpec, config: Any = None, training: Training | None = None
    ) -> None:
        self.spec = spec
        if training is not None:
            vars(self)["training"] = training  # over the class's recipe
        self.config: Any = self.Config() if config is None else config
        if self.kinds and spec.kind not in self.kinds:
            raise ValueError(f"it makes {' or '.join(self.kinds)}, not {spec.kind}")
        sizes = self.sizes()
        if sizes and len(spec.shape) == 3 and not sizes.take(*spec.shape[1:]):
            raise ValueError(f"it cannot make images of shape {spec.shape}; it can make {sizes}")
        if self.conditional and not spec.classes:
            raise ValueError("it takes labels, and there are no classes")
        if self.needs_inputs and spec.inputs is None:
            raise ValueError("it works from inputs, and the data has none")
        self.check()

    @classmethod
    def sizes(cls) -> ImageSizes:
        """The sizes of images that it can do."""
        return ImageSizes(cls.image_sizes, cls.image_multiple)

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

    def build_extras(self, networks: Networks) -> dict[str, nn.Module]:
        """Modules that no player trains, by name: the slow weights of a lookahead.

        They stand in ``networks.extras``, are kept in checkpoints, and are not published. Where
        there are several processes, their buffers are made to agree after each step.
        """
        return {}

    @property
    def input_spec(self) -> SampleSpec | None:
        """What the generator works from: the data's inputs; None: from latents alone.

        Override it where inputs are made from the real samples, as super-resolution does.
        """
        return self.spec.inputs

    def sample_latent(self, count: int, rng: torch.Generator) -> Tensor:
        """`count` latents, drawn with `rng` alone, on its device: (count, latent_size), N(0, 1).

        The length is the option ``latent_size``. Override it for another distribution.
        """
        return torch.randn(count, self.config.latent_size, generator=rng, device=rng.device)

    def condition(
        self,
        real: Tensor,
        labels: Tensor | None,
        generator: torch.Generator,
        inputs: Tensor | None = None,
    ) -> Tensor:
        """The latents in training, for as many fakes as there are real samples: (N, ...).

        real: (N, *spec.shape), the samples that the discriminator sees. labels: (N,), theirs, of
        a conditional architecture. generator: the only source of chance. inputs: (N, ...), what
        the data set has for these samples. By default `latent_from` the inputs where there are
        any, else `sample_latent`. Override it to make inputs from real samples.
        """
        if inputs is None:
            return self.sample_latent(len(real), generator)
        return self.latent_from(inputs, generator)

    def latent_from(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """The latents made from `inputs`, (N, ...) as `input_spec` says, in sampling and in
        training; by default the inputs themselves. Noise is drawn with `generator`."""
        return inputs

    def context(self, latent: Tensor) -> dict[str, Tensor]:
        """What the discriminator is told in training beside a sample, real or fake: by the names of
        its forward's parameters, (N, ...) each. Here nothing.

        latent: (N, ...), as `condition` made it, of the fakes. What it tells of a fake must be true
        of the real sample of the same number: a condition that `condition` took from there.
        """
        return {}

    def sample_weights(self, dataset: Dataset) -> Tensor | None:
        """How often each real sample is drawn in training, in proportion: (N,), at least one above
        0. None: all alike, each once in an epoch. With weights an epoch has as many draws, each
        from all samples anew, so that rare ones may come again and again."""
        return None

    def generate(
        self, network: nn.Module, latent: Tensor, labels: Tensor | None, sampling: Any
    ) -> Tensor:
        """Samples of a trained generator: (N, *spec.shape).

        network: the generator, in eval mode. sampling: a `Sampling`, the options asked for.
        """
        samples: Tensor = call(network, latent, labels)
        return samples

    def interpolate(self, first: Tensor, last: Tensor, weights: Tensor) -> Tensor:
        """Latents on the way from `first` to `last`, each (*latent), at `weights`, (N,) in [0, 1]:
        (N, *latent).

        By default along the great circle, which fits normal latents (White 2016,
        arXiv:1609.04468): the direction turns evenly, the length goes straight from one to the
        other. Override it where a latent has parts that need different treatment.
        """
        a, b = first.double().flatten(), last.double().flatten()
        if not (a.isfinite().all() and b.isfinite().all()):
            raise GanzooError("interpolate: a latent has values that are not finite")
        t = weights.double()[:, None]
        lengths = (1 - t) * a.norm() + t * b.norm()
        a, b = a / a.norm().clamp_min(1e-12), b / b.norm().clamp_min(1e-12)
        angle = (a @ b).clamp(-1, 1).acos()
        if float(angle) > torch.pi - 1e-4:
            raise GanzooError(
                "interpolate: the latents are opposite; there is no one way between them"
            )
        if float(angle) < 1e-4:  # nearly the same direction, where sines are too small to divide by
            turned = (1 - t) * a + t * b
        else:
            turned = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
        return (lengths * turned).to(first.dtype).view(-1, *first.shape)

    def optimizers(self, networks: Networks) -> dict[str, torch.optim.Optimizer]:
        """The optimizers of the players ``generator`` and ``discriminator``.

        By default as the options of ``training`` say, over ``networks.parameters(player)``. A
        parameter that is in none of an optimizer's groups is not trained.
        """
        return {
            player: make_optimizer(networks.parameters(player), self.training, player)
            for player in PLAYERS
        }

    def learning_rate(self, player: str, step: int) -> float:
        """The learning rate of a player in the step that follows `step` others.

        By default the recipe's times its schedule. A group of parameters whose optimizer was made
        with another rate than the recipe's keeps its ratio to it.
        """
        return self.training.lr(player) * scheduled(self.training, step)

    def after_step(self, networks: Networks, step: int) -> None:
        """Called after step `step` (from 1), without gradients, before the moving average takes
        the generator in: for lookahead, or for a network that grows. What it changes must be in
        parameters or buffers."""

    @classmethod
    def upgrade(
        cls, options: dict[str, Any], state: dict[str, Tensor], version: str
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """The options and tensors of a model that another version of the plugin made, as this
        version expects them: an option renamed, a layer moved to another key.

        options: of `Config`. state: by names that begin with ``generator.``, ``discriminator.``
        or ``partners.``; some may be missing. version: of the plugin that made them.
        """
        return options, state


def build_architecture(
    architecture: type[Architecture],
    name: str,
    options: Mapping[str, Any],
    spec: SampleSpec,
    training: Training | None = None,
) -> Architecture:
    """The architecture called `name` with its options. training: of its run, if it trains.

    Raises GanzooError that says which option is wrong, or how spec and options do not go together.
    """
    config = make(architecture.Config, options, name)
    try:
        return architecture(spec, config, training)
    except ValueError as error:
        raise GanzooError(f"{name}: {error}") from None
