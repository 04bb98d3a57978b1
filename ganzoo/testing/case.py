"""An architecture on trial: its specs, random data for them, networks and matches."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from ganzoo.architecture import Architecture
from ganzoo.chance import seed_everything
from ganzoo.data.dataset import Dataset
from ganzoo.devices import Device
from ganzoo.engine.match import Match
from ganzoo.engine.setup import make_architecture, make_match
from ganzoo.entries import KindEntry
from ganzoo.errors import one_line
from ganzoo.game import Game, Networks, call, score_of
from ganzoo.kinds import kind_of
from ganzoo.objectives import Objective
from ganzoo.options import make
from ganzoo.plugins import catalogue, reference_of
from ganzoo.processes import Processes
from ganzoo.runs.config import RunConfig
from ganzoo.runs.resolve import objective_class, resolve
from ganzoo.spec import SampleSpec
from ganzoo.testing.check import DISCRIMINATOR, GENERATOR, Fault, calling

CLASSES: Final = ("first", "second", "third")


@dataclass
class Case:
    """One architecture with one set of options. name: as an entry has it, or the class's."""

    architecture: type[Architecture]
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def specs(self) -> list[SampleSpec]:
        """Every spec that it claims, by its kinds and image sizes; the smallest first.

        Raises Fault where it refuses what it claims.
        """
        kinds = catalogue().entries(KindEntry)
        sizes = self.architecture.sizes()
        specs: list[SampleSpec] = []
        for kind in self.architecture.kinds or kinds:
            if kind not in kinds:
                raise Fault("kinds", f"kinds of {', '.join(kinds)}", repr(kind))
            examples = kinds[kind].load().examples(sizes)
            taken = [spec for example in examples for spec in self._taken(example)]
            # One that is of grey images alone says so in its check; sizes it has claimed.
            claimed = set(sizes) & {example.shape[-1] for example in examples}
            left = claimed - {spec.shape[-1] for spec in taken}
            if self.architecture.kinds and (left or not taken):
                raise Fault("check", f"no objection to {kind} {sorted(left) or ''}", "ValueError")
            specs += taken
        if not specs:
            raise Fault("check", "at least one kind of sample that is not refused", "none")
        return sorted(specs, key=lambda spec: spec.size)

    def _taken(self, example: SampleSpec) -> list[SampleSpec]:
        """The form of an example that the architecture takes, if any: alone, made from samples
        like it, or made from samples of another kind."""
        spec = replace(example, classes=CLASSES if self.architecture.conditional else ())
        if self._takes(spec):
            return [spec]
        kinds = catalogue().entries(KindEntry).values()
        others = (kind.load().examples()[0] for kind in kinds if kind.name != example.kind)
        forms = (replace(spec, inputs=inputs) for inputs in (example, *others))
        return list(itertools.islice(filter(self._takes, forms), 1))

    def _takes(self, spec: SampleSpec) -> bool:
        """Whether the architecture's check has no objection."""
        try:
            self.made(spec)
        except ValueError:
            return False
        except Exception as error:
            came = f"{type(error).__name__}: {one_line(error)}"
            raise Fault("check", f"ValueError, or none, for {spec}", came) from error
        return True

    @property
    def spec(self) -> SampleSpec:
        """The smallest spec."""
        return self.specs[0]

    def made(self, spec: SampleSpec) -> Architecture:
        """The architecture for a spec. Raises ValueError where it refuses that one."""
        config = make(self.architecture.Config, self.options, self.name)
        return self.architecture(spec, config)

    @functools.cached_property
    def count(self) -> int:
        """Samples in a batch: some for each of two processes, in whole packs."""
        with calling("pack"):
            pack = self.made(self.spec).pack
        return 4 * pack if pack > 1 else 8

    def networks(self, spec: SampleSpec | None = None, seed: int = 0) -> Networks:
        """Fresh networks, with the weights that a seed gives."""
        objective = self.objective()
        seed_everything(seed)
        architecture = self.made(spec or self.spec)
        generator = _module("build_generator", architecture.build_generator)
        discriminator = _module("build_discriminator", architecture.build_discriminator)
        with calling("build_partners"):
            partners = nn.ModuleDict(architecture.build_partners())
        networks = Networks(generator, discriminator, partners, objective=objective)
        with calling("build_extras"):
            networks.extras = nn.ModuleDict(architecture.build_extras(networks))
        with calling("objective.setup"):
            objective.setup(networks)
        return networks

    def objective(self) -> Objective:
        """The recipe's objective, afresh."""
        config = self.config()
        with calling("objective"):
            objective_type = objective_class(config.objective, self.architecture)
            options = make(objective_type.Config, config.objective_options, config.objective)
            return objective_type(options)

    def latents(self, spec: SampleSpec | None = None, count: int | None = None) -> Tensor:
        """What the generator is given, when sampling: latents, or what is made of inputs."""
        architecture, count = self.made(spec or self.spec), count or self.count
        rng = torch.Generator().manual_seed(1)
        if architecture.input_spec is None:
            with calling("sample_latent"):
                return architecture.sample_latent(count, rng)
        with calling("latent_from"):
            return architecture.latent_from(self.samples(architecture.input_spec, count), rng)

    def labels(self, count: int | None = None) -> Tensor | None:
        if not self.architecture.conditional:
            return None
        return torch.arange(count or self.count) % len(CLASSES)

    def samples(self, spec: SampleSpec | None = None, count: int | None = None) -> Tensor:
        """Random numbers in a spec's range."""
        spec = spec or self.spec
        rng = torch.Generator().manual_seed(2)
        shape = (count or self.count, *spec.shape)
        if spec.low is None or spec.high is None:
            return torch.randn(shape, generator=rng)
        return torch.rand(shape, generator=rng) * (spec.high - spec.low) + spec.low

    def dataset(self, count: int) -> Dataset:
        """Random samples as a data set, for training."""
        spec = self.spec
        return Dataset(
            name="random",
            samples=kind_of(spec).store(self.samples(count=count)),
            labels=self.labels(count),
            classes=spec.classes,
            kind=spec.kind,
            low=spec.low,
            high=spec.high,
            details=dict(spec.details),
            inputs=None if spec.inputs is None else self.samples(spec.inputs, count),
            input_spec=spec.inputs,
        )

    def settings(self, precision: str = "fp32", steps: int = 4) -> dict[str, Any]:
        """As ``--set`` has them, for a short training on this machine's CPU."""
        return {
            **self.options,
            "training.steps": steps,
            "training.batch_size": self.count,
            "training.discriminator_warmup": 0,
            "schedule.device": "cpu",
            "schedule.precision": precision,
            "schedule.checkpoint_every": 2,
            "schedule.sample_every": steps,
            "schedule.log_every": 1,
            "schedule.sample_count": 4,
        }

    def config(self, precision: str = "fp32", seed: int = 0) -> RunConfig:
        settings = {**self.settings(precision), "schedule.seed": seed}
        return resolve(self.architecture, self.name, reference_of(self.name), {}, settings)

    def match(
        self, precision: str = "fp32", seed: int = 0, processes: Processes | None = None
    ) -> Match:
        """Networks, players and data, ready to play."""
        config = self.config(precision, seed)
        device = Device(torch.device("cpu"), precision)
        data = self.dataset(4 * self.count)
        with calling("Architecture"):
            architecture = make_architecture(self.architecture, self.name, config, self.spec)
            return make_match(config, architecture, data, device, processes or Processes())

    def play(self, match: Match, steps: int) -> None:
        with calling("a step of the game"):
            for _ in range(steps):
                match.play()

    def game(
        self, networks: Networks, spec: SampleSpec | None = None, count: int | None = None
    ) -> Game:
        """A round on random samples, for the objective's terms."""
        latent, labels = self.latents(spec, count), self.labels(count)
        inputs = (spec or self.spec).inputs
        with calling(GENERATOR):
            fake = call(networks.generator, latent, labels)
        return Game(
            real=self.samples(spec, count),
            fake=fake,
            latent=latent,
            labels=labels,
            generator=networks.generator,
            discriminator=networks.discriminator,
            partners=networks.partners,
            inputs=None if inputs is None else self.samples(inputs, count),
            context=self.made(spec or self.spec).context(latent),
        )

    def judging(
        self, networks: Networks, spec: SampleSpec | None = None, count: int | None = None
    ) -> Judging:
        """What the discriminator is called with: samples, and what the objective hands it beside
        them, where its forward asks for more than samples and labels."""
        samples, labels = self.samples(spec, count), self.labels(count)
        forward: Callable[..., Any] = networks.discriminator.forward
        try:
            inspect.signature(forward).bind(*([samples] if labels is None else [samples, labels]))
        except TypeError:
            return Judging(
                samples, labels, self._beside(networks, self.game(networks, spec, count))
            )
        return Judging(samples, labels)

    def outputs(self, networks: Networks) -> list[Any]:
        """What the discriminator returns for all that the objective asks it in a round."""
        returned: list[Any] = []
        hook = networks.discriminator.register_forward_hook(
            lambda network, values, output: returned.append(output)
        )
        objective: Any = networks.objective
        with hook, calling("objective.discriminator_terms"):
            objective.discriminator_terms(self.game(networks))
        return returned

    def _beside(self, networks: Networks, game: Game) -> dict[str, Any]:
        """What the objective hands the discriminator besides, the first time that it asks it."""
        beside: list[dict[str, Any]] = []
        hook = networks.discriminator.register_forward_pre_hook(
            lambda network, values, named: beside.append(named), with_kwargs=True
        )
        objective: Any = networks.objective
        with hook, calling("objective.discriminator_terms"):
            objective.discriminator_terms(game)
        return beside[0] if beside else {}


class Judging(NamedTuple):
    """What a discriminator is called with. beside: by name, after samples and labels."""

    samples: Tensor
    labels: Tensor | None
    beside: Mapping[str, Any] = {}


def _module(method: str, build: Callable[[], nn.Module]) -> nn.Module:
    with calling(method):
        module = build()
    if not isinstance(module, nn.Module):
        raise Fault(method, "a torch.nn.Module", type(module).__name__)
    return module


@torch.no_grad()
def generated(network: nn.Module, latent: Tensor, labels: Tensor | None) -> Tensor:
    """What a generator makes, its faults told as those of build_generator."""
    with calling(GENERATOR):
        samples = call(network, latent, labels)
    if not isinstance(samples, Tensor):
        raise Fault(GENERATOR, "a tensor", type(samples).__name__)
    return samples


@torch.no_grad()
def judged(network: nn.Module, judging: Judging) -> Tensor:
    """A discriminator's scores, its faults told as those of build_discriminator."""
    with calling(DISCRIMINATOR):
        output = call(network, judging.samples, judging.labels, **judging.beside)
    if not isinstance(output, Tensor) and not isinstance(getattr(output, "score", None), Tensor):
        expected = "scores, or a named tuple with a field score"
        raise Fault(DISCRIMINATOR, expected, type(output).__name__)
    return score_of(output)
