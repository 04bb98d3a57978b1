"""The contract as checks that run on any architecture.

In a plugin's tests, as one class for pytest::

    from ganzoo.testing import ArchitectureTests

    class TestLSGAN(ArchitectureTests):
        architecture = "lsgan"

At the command line: ``ganzoo check-plugin NAME``. Both run `architecture_checks`. Each check that
fails names the method, what was expected of it and what came.
"""

from ganzoo.testing.check import Check, Fault
from ganzoo.testing.plugin import architecture_checks, plugin_checks
from ganzoo.testing.pytest_class import ArchitectureTests

__all__ = ["ArchitectureTests", "Check", "Fault", "architecture_checks", "plugin_checks"]
