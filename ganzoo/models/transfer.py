"""Transfer: a training that starts from a model, with its options and its weights:
``--init MODEL``."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Final

from torch import Tensor, nn

from ganzoo.architecture import Architecture
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds import kind_class
from ganzoo.models.build import (
    fits,
    misfit,
    needs_upgrade,
    prepare_weights,
    upgrade,
    versions_note,
)
from ganzoo.models.hub import Access
from ganzoo.models.references import reference_to
from ganzoo.models.stored import StoredModel
from ganzoo.options import make
from ganzoo.sources.options import Data
from ganzoo.spec import SampleSpec, differing_details
from ganzoo.tensors import Stored, Weights

_SHOWN: Final = 12  # tensors of a network that a message names


@dataclass
class Source:
    """The model that a training starts from. text: as the user named it. adopted: what was taken
    over from it, each as ``width=32``."""

    text: str
    stored: StoredModel
    adopted: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, model: str) -> Source:
        """Raises GanzooError where there is no such model."""
        try:
            return cls(model, reference_to(model).newest(Access()))
        except GanzooError as error:
            raise type(error)(f"--init {model}: {error}") from None

    @property
    def architecture(self) -> str:
        """The name of its architecture."""
        return self.stored.config.architecture

    def options(
        self, architecture: type[Architecture], name: str, given: Iterable[str]
    ) -> dict[str, Any]:
        """Its options of the architecture, where it is of that, except those that are `given`.

        Raises GanzooError where the architecture, as it is installed, does not take them.
        """
        config = self.stored.config
        if name != config.architecture:
            return {}
        options = config.options
        try:
            if needs_upgrade(architecture, name, config.plugin):
                options, _ = upgrade(architecture, name, config.plugin, options, {})
            whole = make(architecture.Config, options, name).model_dump(mode="json")
        except GanzooError as error:
            note = versions_note(name, config.plugin)
            raise GanzooError(f"--init {self.text}: {error}{note}") from None
        usual, given = architecture.Config().model_dump(mode="json"), set(given)
        taken = {key: value for key, value in whole.items() if key not in given}
        self.adopted += [f"{key}={_shown(v)}" for key, v in taken.items() if v != usual[key]]
        return taken

    def form(self, architecture: type[Architecture], dataset: Dataset, data: Data) -> Data:
        """The options of data, with those that bring it to the form of the model's samples, where
        the architecture can make those; except those that are given in `data`."""
        spec = self.stored.spec
        if spec.kind != dataset.kind:
            return data
        like = kind_class(spec.kind).like(spec, dataset, architecture.sizes())
        taken = {key: value for key, value in like.items() if key not in data.others}
        self.adopted += [f"data.{key}={_shown(value)}" for key, value in taken.items()]
        return data.model_copy(update=taken)

    def note(self) -> list[str]:
        """What was adopted, as a sentence; none where nothing was."""
        if not self.adopted:
            return []
        return [f"adopted from {self.text}: {', '.join(self.adopted)}"]


def initialise(
    networks: Mapping[str, nn.Module], architecture: Architecture, model: str
) -> tuple[str, dict[str, set[str]]]:
    """Give networks that are to be trained what fits of the weights of `model`.

    networks: ``generator``, ``average`` (its moving average), ``discriminator`` and ``partners``.
    model: as `ganzoo.load` takes it. Returns what names the same from anywhere, of a model on the
    Hub with its commit; and the names of the tensors that each network took. What does not fit, and
    a network that the model does not have, keep their initial values, with a warning. Raises
    GanzooError where there is no such model, or nothing of it fits.
    """
    source = Source.of(model)
    try:
        theirs, ours = source.stored.spec, architecture.spec
        if theirs.kind != ours.kind:
            raise GanzooError(f"it makes samples of kind {theirs.kind}, not {ours.kind}")
        if apart := differing_details(theirs, ours):
            raise GanzooError(f"it is of samples that mean something else: {'; '.join(apart)}")
        weights = prepare_weights(source.stored, type(architecture), list(networks))
        own = {name: networks[name].state_dict() for name in weights}
        fitting = {name: _fitting(own[name], lying.header) for name, lying in weights.items()}
        if not any(own[name][tensor].dim() > 1 for name in own for tensor in fitting[name]):
            raise GanzooError(_nothing(source, own, weights))
        for name, lying in weights.items():
            tensors = lying.tensors(fitting[name].values())
            taken = {mine: tensors[their] for mine, their in fitting[name].items()}
            networks[name].load_state_dict(own[name] | taken)
    except GanzooError as error:
        raise type(error)(f"--init {model}: {error}") from None
    missing = [n for n, network in networks.items() if n not in weights and network.state_dict()]
    misfits = (
        _misfits(name, own[name], lying.header, fitting[name])
        for name, lying in weights.items()
        if name != "average"  # it is as the generator is
    )
    for text in [*misfits, _other_classes(theirs, ours), _missing(missing)]:
        if text:
            warnings.warn(f"--init {model}: {text}", GanzooWarning, stacklevel=2)
    return source.stored.origin, {name: set(taken) for name, taken in fitting.items()}


def _fitting(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor | Stored]) -> dict[str, str]:
    """Which of a model's tensors each of a network's takes, by their names.

    Where both have the same names, a tensor takes that of its name. Where a network has more
    blocks than the other, as one for larger pictures has, the numbers in names have moved: then
    names without their numbers, and shapes, are aligned in order.
    """
    if own.keys() == theirs.keys():
        return {name: name for name in own if fits(own[name], theirs[name])}
    ours, others = sorted(own, key=_natural), sorted(theirs, key=_natural)
    one, other = (
        [(re.sub(r"\d+", "#", name), tuple(tensors[name].shape)) for name in names]
        for names, tensors in ((ours, own), (others, theirs))
    )
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    pairs = [(ours[a + i], others[b + i]) for a, b, size in blocks for i in range(size)]
    return {mine: their for mine, their in pairs if fits(own[mine], theirs[their])}


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts names with numbers in the order of the numbers."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _misfits(
    network: str,
    own: Mapping[str, Tensor],
    theirs: Mapping[str, Tensor | Stored],
    fitting: Mapping[str, str],
) -> str:
    """Which tensors of a network keep their initial values, and which of the model's are left out;
    empty where there are neither."""
    same, used = own.keys() == theirs.keys(), set(fitting.values())
    left = [
        f"{name} {tuple(tensor.shape)}" + (f" (there {tuple(theirs[name].shape)})" if same else "")
        for name, tensor in own.items()
        if name not in fitting
    ]
    unused = [
        f"{name} {tuple(theirs[name].shape)}"
        for name in sorted(theirs, key=_natural)
        if name not in used and not same
    ]
    if not left and not unused:
        return ""
    parts = [f"of the {network}, {len(fitting)} of {len(own)} tensors are taken"]
    parts += [f"these did not fit and begin as they are drawn: {_some(left)}"] if left else []
    parts += [f"these of the model are left out: {_some(unused)}"] if unused else []
    return "; ".join(parts)


def _other_classes(theirs: SampleSpec, ours: SampleSpec) -> str:
    """That as many classes have other names; empty where they have the same, or tensors misfit."""
    if theirs.classes == ours.classes or len(theirs.classes) != len(ours.classes):
        return ""
    before, now = _some(theirs.classes), _some(ours.classes)
    return f"its classes are {before}; they become {now}, in this order"


def _missing(networks: Sequence[str]) -> str:
    """That the model lacks networks, and what to do; empty where it has all."""
    if not networks:
        return ""
    advice = "; consider --set training.discriminator_warmup=500"
    said = f"it has no {' and no '.join(networks)}, which starts afresh"
    return said + advice if "discriminator" in networks else said


def _nothing(
    source: Source, own: Mapping[str, Mapping[str, Tensor]], weights: Mapping[str, Weights]
) -> str:
    """That nothing fits, with some of the reasons, and what to do."""
    why = [
        f"{name}: {misfit(own[name], lying.header)}"
        for name, lying in weights.items()
        if name != "average" and own[name]
    ]
    return (
        f"nothing of it fits the architecture, options and size asked for: {'; '.join(why)}. Train "
        f"{source.architecture}, without options of its own and without a size: it takes the "
        "model's"
    )


def _some(items: Sequence[str]) -> str:
    more = f", and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _shown(value: Any) -> str:
    """A value as ``--set`` takes it."""
    return value if isinstance(value, str) else json.dumps(value)
