"""What an entry is: a name, where the code behind it is, and one line about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from ganzoo.targets import check_target, load_target


@dataclass(frozen=True)
class Entry:
    """A name, where the code behind it is, and one line about it.

    name: what the user types, such as ``dcgan``.
    target: ``"module:attribute"``, imported when first used, or the object itself.
    summary: one line for ``ganzoo list``.

    A kind of entry says of itself, once: `label`, what messages and lists call it; `use`, a command
    that uses the one called NAME; `listed`,
    whether ``ganzoo list`` shows it; `base`, the class (``"module:Class"``) that its targets are
    subclasses of, or instances of where `instances`; without a base, targets are called; `check`,
    the function of `ganzoo.testing` that tries it against the contract; `several`, which of its
    fields are tuples of names.
    """

    label: ClassVar[str] = "entry"
    use: ClassVar[str] = ""
    listed: ClassVar[bool] = True
    base: ClassVar[str] = ""
    instances: ClassVar[bool] = False
    check: ClassVar[str] = "ganzoo.testing.entries:target"
    several: ClassVar[tuple[str, ...]] = ()

    name: str
    target: str | Any
    summary: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"{type(self).__name__}: name must be a text, not {self.name!r}")
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.name):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: a name has letters, digits, '-', '_' and '.'"
            )
        if not isinstance(self.summary, str):
            raise TypeError(f"{type(self).__name__} {self.name!r}: summary must be a text")
        if isinstance(self.target, str) and self.target.count(":") != 1:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: target must be 'module:attribute', "
                f"not {self.target!r}"
            )
        for field in self.several:
            if not are_texts(getattr(self, field)):
                raise TypeError(
                    f"{type(self).__name__} {self.name!r}: {field} must be a tuple of names, "
                    f"not {getattr(self, field)!r}"
                )

    def load(self) -> Any:
        """The object behind the entry.

        Raises GanzooError where it cannot be imported, or is not what this kind of entry offers.
        """
        value = load_target(self.target, self.name)
        check_target(value, f"the {self.label} {self.name!r}", self.base, self.instances)
        return value


def are_texts(value: Any) -> bool:
    """Whether a value is a tuple of texts, none of them empty."""
    return isinstance(value, tuple) and all(isinstance(text, str) and text for text in value)


def check_options(entry: Entry, where: Any) -> None:
    """Raise TypeError where `where` does not say in which class options of an entry are."""
    if where != "" and (not isinstance(where, str) or where.count(":") != 1):
        raise TypeError(
            f"{type(entry).__name__} {entry.name!r}: options must be 'module:Class', not {where!r}"
        )
