"""What must never run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


class Harm:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)
