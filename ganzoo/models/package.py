"""A model folder as the files that are copied or published."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ganzoo.errors import GanzooError, cannot_write
from ganzoo.layout import CARD, CONFIG, DISCRIMINATOR, METRICS, SAMPLES, TRAINING, WEIGHTS
from ganzoo.models.card import Facts, render
from ganzoo.models.folder import inside, read_card
from ganzoo.models.own_text import Own, merge, read_own
from ganzoo.models.save import About, describe
from ganzoo.sampler import Sampler


@dataclass(frozen=True)
class Package:
    """A model folder that was loaded without fault. facts: for its card, under its new name."""

    folder: Path
    facts: Facts

    def files(
        self,
        discriminator: bool = False,
        license: str | None = None,
        there: Own | None = None,
    ) -> dict[str, Path | bytes]:
        """What goes, by name; the card is written anew. Other files in the folder are left out.

        there: the user's part of the card that is there already. Raises GanzooError where a file
        is a link out of the folder, or a discriminator is asked for that there is not.
        """
        wanted = [CONFIG, WEIGHTS, METRICS, TRAINING, self.facts.samples]
        wanted += [DISCRIMINATOR] if discriminator else []
        found: dict[str, Path | bytes] = {
            name: inside(self.folder, name)
            for name in wanted
            if name and ((self.folder / name).exists() or (self.folder / name).is_symlink())
        }
        if discriminator and DISCRIMINATOR not in found:
            raise GanzooError(
                f"{self.folder} has no {DISCRIMINATOR}; publish the run itself to have it along"
            )
        here = read_own(read_card(self.folder), str(self.folder / CARD))
        own = here if there is None else merge(here, there)
        return {CARD: render(self.facts, own, license, here.digests).encode(), **found}


def package_of(folder: Path, sampler: Sampler, about: About, name: str) -> Package:
    """The package of a model folder that `sampler` and `about` were loaded from or saved to."""
    grid = f"{SAMPLES}{sampler.kind.suffixes[0]}"
    there = grid if (folder / grid).exists() or (folder / grid).is_symlink() else ""
    return Package(folder, describe(sampler, about, name, there))


def check_finite(sampler: Sampler) -> None:
    """Raise GanzooError where a weight is not finite: such a model is not published."""
    tensors = sampler.network.state_dict().values()
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        raise GanzooError("the model's weights are not finite; it is not published")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for what is there only meanwhile."""
    try:
        with tempfile.TemporaryDirectory(prefix="ganzoo-") as folder:
            yield Path(folder)
    except OSError as error:
        raise cannot_write(f"a temporary file in {tempfile.gettempdir()}", error) from None
