"""The contract as a class for pytest, which is not imported here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ganzoo.architecture import Architecture
from ganzoo.testing.check import Check, NotHere
from ganzoo.testing.plugin import architecture_checks


class ArchitectureTests:
    """Subclass it in a test module, as ``class TestMine(ArchitectureTests)``, with

    architecture: the name of an installed one, or a class. options: of its Config, where the
    usual ones are too slow to be tried. Each check is a test of its own.
    """

    architecture: ClassVar[str | type[Architecture]]
    options: ClassVar[Mapping[str, Any]] = {}

    def pytest_generate_tests(self, metafunc: Any) -> None:
        checks = architecture_checks(self.architecture, self.options)
        metafunc.parametrize("check", checks, ids=str)

    def test_contract(self, check: Check) -> None:
        try:
            check()
        except NotHere as reason:
            import pytest

            pytest.skip(str(reason))
