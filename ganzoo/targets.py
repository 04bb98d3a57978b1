"""The code behind an entry: imported when it is first used, then checked to be what it should."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Any

from ganzoo.errors import GanzooError


def import_object(where: str) -> Any:
    """The object at ``"module:attribute"``."""
    module, _, attribute = where.partition(":")
    value: Any = importlib.import_module(module)
    for part in attribute.split("."):
        value = getattr(value, part)
    return value


def load_target(target: Any, name: str) -> Any:
    """The object that the target of the entry `name` stands for: a text is imported.

    Raises GanzooError where it cannot be imported.
    """
    if not isinstance(target, str):
        return target
    try:
        # What a module prints when imported must not end up in the output of --json.
        with contextlib.redirect_stdout(sys.stderr):
            return import_object(target)
    except (Exception, SystemExit) as error:
        raise GanzooError(
            f"{name!r} cannot be used: importing {target} raised {type(error).__name__}: {error}"
        ) from error


def check_target(value: Any, what: str, base: str, instance: bool) -> None:
    """Raise GanzooError where `value`, the target of `what`, is not of the right class.

    base: the class (``"module:Class"``) that it is a subclass of, or an `instance`; without one,
    it must be something to call.
    """
    if not base:
        fits, takes = callable(value), "something to call"
    else:
        base_class = import_object(base)
        title = f"{base_class.__module__.partition('.')[0]}.{base_class.__name__}"
        if instance:
            fits, takes = isinstance(value, base_class), f"a {title}"
        else:
            fits = isinstance(value, type) and issubclass(value, base_class)
            takes = f"a subclass of {title}"
    if not fits:
        shown = value.__qualname__ if isinstance(value, type) else repr(value)
        raise GanzooError(f"{what} must be {takes}, not {shown}")
