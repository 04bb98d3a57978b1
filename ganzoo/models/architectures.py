"""What may be passed as an architecture's class."""

from __future__ import annotations

from ganzoo.architecture import Architecture
from ganzoo.errors import GanzooError


def check_class(architecture: object) -> None:
    """Raise GanzooError where an object is no architecture."""
    if not (isinstance(architecture, type) and issubclass(architecture, Architecture)):
        raise GanzooError(f"architecture {architecture!r} is no subclass of ganzoo.Architecture")
