"""What becomes the model of a run that is done: which step's generator, and what is told of it."""

from __future__ import annotations

import warnings
from dataclasses import replace

from ganzoo.engine.loop import Loop
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.figure_name import quality_figures
from ganzoo.models.checkpoint import stored_at
from ganzoo.models.folder import read_card
from ganzoo.models.load import generator_of
from ganzoo.models.records import (
    About,
    Measured,
    of_training,
    read_metrics,
)
from ganzoo.runs.folder import RunFolder, model_step
from ganzoo.sampler import Sampler


def exported(loop: Loop) -> tuple[Sampler, About]:
    """The generator as it is now, or, where the run keeps the best, that of the best step."""
    run, match = loop.run, loop.match
    ranked = run.ranked_steps() if run.config.schedule.keep == "best" else []
    for step in ranked[: ranked.index(match.step) if match.step in ranked else None]:
        try:
            generator = generator_of(stored_at(run, step), type(match.architecture))
        except GanzooError as error:
            if step == ranked[0]:  # of the others, only those are kept that are new
                text = f"step {step} was the best, and is gone: {error}"
                warnings.warn(text, GanzooWarning, stacklevel=2)
            continue
        about = generator.about
        training = {**loop.provenance(), "step": step, "seconds": about.training.get("seconds")}
        metrics = about.metrics | _judged(run, step) | _measured(loop, step, len(ranked))
        return generator, replace(about, training=training, metrics=metrics)
    metrics = of_training(run.metrics()) | _measured(loop, match.step, len(ranked))
    about = About(run.config.plugin, loop.provenance(), metrics, read_card(run.model_path))
    return loop.sampler(), about


def _judged(run: RunFolder, step: int) -> dict[str, Measured]:
    """The figures that ``ganzoo evaluate`` wrote into the run's model, where it is that of `step`:
    its weights stay the same."""
    if model_step(run.model_path) != step:
        return {}
    figures = read_metrics(run.model_path)
    return {name: m for name, m in figures.items() if m.data and not m.during_training}


def _measured(loop: Loop, step: int, candidates: int) -> dict[str, Measured]:
    """What was measured of a step while training. candidates: of how many it was the best."""
    judge = loop.judge
    if judge is None:
        return {}
    how = f"{judge.samples} samples of seed 0, while training"
    if candidates > 1:
        how += f"; the step was chosen as the best of {candidates} by this fid"
    lines = [line for line in loop.run.metrics() if line["step"] == step]
    extractor = judge.extractor
    return {
        str(figure): Measured(
            value=float(f"{value:.5g}"),
            how=how,
            features=f"{extractor.name}: {extractor.about}",
            data=judge.data,
            during_training=True,
        )
        for line in lines
        for figure, value in quality_figures(line).items()
        if figure.features == extractor.name
    }
