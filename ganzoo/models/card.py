"""The card: what a model is, in words, from what was recorded and measured and nothing else."""

from __future__ import annotations

import html
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ganzoo.errors import GanzooError, one_line
from ganzoo.figure_name import FigureName
from ganzoo.kinds import Kind
from ganzoo.models.folder import ModelConfig
from ganzoo.models.own_text import BEGIN, UNKNOWN, Ours, Own, end_line
from ganzoo.models.records import DataRecord, Measured, TrainingRecord
from ganzoo.spec import SampleSpec

#: What the card of a model that has no name says to load.
NAMELESS: Final = "path/to/this/folder"


@dataclass(frozen=True)
class Facts:
    """All that a card tells. name: what `ganzoo.load` is called with. samples: the grid's file.
    source: the module and the name of the architecture's class, ``chargan:CharGAN``.
    """

    name: str
    config: ModelConfig
    spec: SampleSpec
    kind: Kind
    training: TrainingRecord
    metrics: dict[str, Measured]
    paper: str = ""
    samples: str = ""
    source: str = ""


def render(facts: Facts, own: Own, license: str | None = None) -> str:
    """The whole card, with YAML metadata as the Hub wants it.

    license: an identifier of the Hub's (``mit``); without it the one that `own` has stays.
    """
    data = facts.training.data
    results = [*_results(facts), *own.results]
    ours = Ours(
        tags=["ganzoo", "gan", facts.config.architecture, facts.spec.kind],
        datasets=[data.hub] if data and data.hub else [],
        pipeline_tag=facts.kind.pipeline_tag,
        results=[name for name, measured in facts.metrics.items() if measured.data is not None],
        name="" if facts.name == (_short(facts.name) if results else NAMELESS) else facts.name,
    )
    parts = (own.before, BEGIN, *_sections(facts), end_line(ours), own.after)
    body = "\n\n".join(part for part in parts if part)
    return f"---\n{_metadata(facts.name, own, ours, results, license)}\n---\n\n{body}\n"


def _metadata(name: str, own: Own, ours: Ours, results: list[Any], license: str | None) -> str:
    from huggingface_hub import ModelCardData

    kept = dict(own.metadata)
    written: dict[str, Any] = {
        "library_name": "ganzoo",
        "license": license or own.license or UNKNOWN,
        "pipeline_tag": kept.pop("pipeline_tag", None) or ours.pipeline_tag,
        "tags": list(dict.fromkeys([*ours.tags, *kept.pop("tags", ())])),
        "datasets": list(dict.fromkeys([*ours.datasets, *kept.pop("datasets", ())])) or None,
    }
    if results:
        written |= {"model_name": _short(name), "eval_results": results}
    try:
        text: str = ModelCardData(**written, **kept).to_yaml()
    except (TypeError, ValueError) as error:
        raise GanzooError(f"the card's metadata does not fit: {one_line(error)}") from None
    return text


def _short(name: str) -> str:
    """The name in the metadata, which names no owner."""
    return name.rsplit("/", 1)[-1]


def _results(facts: Facts) -> Iterator[Any]:
    from huggingface_hub import EvalResult

    for name, measured in facts.metrics.items():
        figure = FigureName.parse(name)
        if measured.data is not None:
            yield EvalResult(
                task_type=facts.kind.pipeline_tag or "other",
                dataset_type=measured.data.hub or measured.data.name,
                dataset_name=measured.data.name,
                dataset_split=measured.data.split,
                metric_type=name if figure is None else figure.name,
                metric_name=name,
                metric_value=measured.value,
            )


def _sections(facts: Facts) -> Iterator[str]:
    spec, config = facts.spec, facts.config
    data = facts.training.data
    shape = "x".join(str(length) for length in spec.shape)
    on = f" on {_plain(data.source or data.name)}" if data and data.name else ""
    paper = f" ({_plain(facts.paper)})" if facts.paper else ""
    yield f"# {_plain(config.architecture)}{on}"
    yield (
        f"A generator of the architecture `{_plain(config.architecture)}`{paper}. It makes "
        f"samples of kind {_plain(spec.kind)}, {shape}"
        + (f", of {len(spec.classes)} classes." if spec.classes else ".")
    )
    if facts.samples.endswith((".png", ".jpg", ".webp")):
        yield f"![64 samples]({facts.samples})"
        yield "The first 64 samples of seed 0, none left out."
    elif facts.samples:
        yield f"`{facts.samples}` has the first 64 samples of seed 0, none left out."
    yield "## Use"
    yield _usage(facts)
    yield "## Measured"
    yield from _measured(facts.metrics)
    yield "## Training"
    yield from _training(facts.training)
    yield "## Limits"
    yield "\n".join(f"- {limit}" for limit in _limits(facts))


def _usage(facts: Facts) -> str:
    spec = facts.spec
    shape = ", ".join(str(length) for length in (16, *spec.shape))
    bounds = f" in [{spec.low:g}, {spec.high:g}]" if None not in (spec.low, spec.high) else ""
    packages = ["torch-ganzoo"]
    plugin, extra = facts.config.plugin, ""
    if plugin.is_installable and plugin.distribution not in packages:
        packages.append(plugin.distribution)
    lines = [f"import ganzoo  # pip install {_plain(' '.join(packages))}"]
    if plugin.is_file:
        file = _in_code(plugin.public().module)
        lines += ["", f'ganzoo.use("{file}")  # the architecture: a file that nobody packaged']
    elif plugin.is_empty:
        module, _, name = facts.source.partition(":")
        name = _plain(name or facts.config.architecture)
        module = "your_code" if module in ("", "__main__") else _plain(module)
        extra = f", architecture={name}"
        lines.append(f"from {module} import {name}  # a class that nobody packaged: get its source")
    lines += [] if plugin.is_file else [""]
    lines += [
        f'generator = ganzoo.load("{_in_code(facts.name)}"{extra})',
        f"samples = generator.sample(16, seed=0)  # float32 ({shape}){bounds}",
        f'generator.save_samples(samples, "samples{facts.kind.suffixes[0]}")',
    ]
    return "\n".join(["```python", *lines, "```"])


def _measured(metrics: dict[str, Measured]) -> Iterator[str]:
    quality = {name: m for name, m in metrics.items() if m.data is not None}
    others = {name: m for name, m in metrics.items() if m.data is None}
    if quality:
        yield from _quality(quality)
    if others:
        rows = ["| what | value | how |", "| --- | --- | --- |"]
        for name, measured in others.items():
            rows.append(f"| {_plain(name)} | {_value(measured)} | {_plain(measured.how)} |")
        yield "\n".join(rows)
    if metrics:
        yield "The same figures are in `metrics.json`."
    if not quality:
        yield "The quality of the samples was not measured."


def _quality(metrics: dict[str, Measured]) -> Iterator[str]:
    """A table for all figures that were measured alike, in the same features."""
    groups: dict[str, dict[str, Measured]] = {}
    for name, measured in metrics.items():
        groups.setdefault(_measured_alike(measured), {})[name] = measured
    for alike, group in groups.items():
        yield alike
        rows = ["| what | value | real against real | noise |", "| --- | --- | --- | --- |"]
        for name, measured in group.items():
            bounds = ["" if b is None else str(b) for b in (measured.floor, measured.ceiling)]
            rows.append(f"| {_plain(name)} | {_value(measured)} | {' | '.join(bounds)} |")
        yield "\n".join(rows)
    if any(measured.floor is not None for measured in metrics.values()):
        yield (
            "Real against real is one half of the data against the other: a fid or kid much below "
            "it is not to be expected, a precision above it is, of a generator with little "
            "variety. Noise stands in place of samples. What stands after ± is the standard "
            "deviation over the seeds."
        )
    by = dict.fromkeys(measured.by for measured in metrics.values() if measured.by)
    if by:
        yield f"Computed with {_plain(', '.join(by))}."


def _measured_alike(measured: Measured) -> str:
    """What is told once of all figures that were measured alike."""
    data = measured.data or DataRecord()
    split = f":{data.split}" if data.split else ""
    name, _, about = measured.features.partition(": ")
    features = f"**{_plain(name)}**: {_plain(about)}. " if name else ""
    return f"{features}{_plain(measured.how)}, against {_plain(data.name + split)}:"


def _value(measured: Measured) -> str:
    spread = "" if measured.spread is None else f" ± {measured.spread}"
    shown = f"{measured.value}{spread} {_plain(measured.unit)}".strip()
    return f"{shown} ({_plain(measured.caution)})" if measured.caution else shown


def _training(training: TrainingRecord) -> Iterator[str]:
    if training.step is None:
        yield "How it was trained was not recorded."
        return
    if training.command and (command := _pasted(training.command)):
        yield f"```console\n$ {command}\n```"
    elif training.command:
        yield "The command that trained it is recorded as one that is not ganzoo's."
    else:
        yield "It was trained from Python, on a class or data that has no name for the command."
    data = training.data or DataRecord()
    of = f" of {training.steps}" if training.steps not in (None, training.step) else ""
    rows = {
        "data": data.source or data.name,
        "samples in it": data.samples,
        "SHA-256 of them": data.sha256,
        "step": f"{training.step}{of}",
        "objective": training.objective,
        "seed": training.seed,
        "precision": training.precision,
        "hardware": training.device,
        "processes": training.processes,
        "threads": training.threads,
        "versions": ", ".join(f"{name} {version}" for name, version in training.versions.items()),
    }
    table = [
        f"| {key} | {_plain(value)} |" for key, value in rows.items() if value not in (None, "")
    ]
    yield "\n".join(["| | |", "| --- | --- |", *table])


def _in_code(text: str) -> str:
    """The same as what stands between quotes in Python."""
    return _plain(text).replace("\\", "\\\\")


def _pasted(command: str) -> str:
    """A recorded command as one that can be pasted: every word quoted, and of ganzoo's own form;
    empty where it is another program's."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    own = words[:1] == ["ganzoo"] or (words[:1] == ["torchrun"] and words[3:5] == ["-m", "ganzoo"])
    return " ".join(shlex.join(words).split()) if own else ""


def _limits(facts: Facts) -> Iterator[str]:
    data = facts.training.data
    yield (
        f"It makes nothing but what {_plain(data.source or data.name)} shows, with its faults."
        if data and data.name
        else "What it was trained on is not recorded."
    )
    if not any(name.startswith("copies[") for name in facts.metrics):
        yield "Whether samples repeat training samples was not checked."
    if facts.training.steps and (facts.training.step or 0) < facts.training.steps:
        yield "Its training was not finished at this step."


def _plain(value: Any) -> str:
    """A value from a file as text that cannot break out of its place in the card."""
    text = html.escape(" ".join(str(value).split()), quote=False)
    return text.replace("|", "\\|").replace("`", "'").replace('"', "'")
