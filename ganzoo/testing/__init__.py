"""The contract as checks that run on any architecture.

In a plugin's tests, as one class for pytest::

    from ganzoo.testing import ArchitectureTests

    class TestLSGAN(ArchitectureTests):
        architecture = "lsgan"

At the command line: ``ganzoo check-plugin NAME``. Both run `architecture_checks`. Each check that
fails names the method, what was expected of it and what came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ganzoo.architecture import Architecture
from ganzoo.testing.check import Check, Fault, NotHere
from ganzoo.testing.plugin import architecture_checks, plugin_checks

__all__ = ["ArchitectureTests", "Check", "Fault", "architecture_checks", "plugin_checks"]


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
            import pytest  # which a plugin's users need not have

            pytest.skip(str(reason))
