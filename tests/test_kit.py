"""The contract's checks: what is sound passes them, and each fault is found by the one meant."""

from __future__ import annotations

import faults
import pytest
from conftest import SMALL

from ganzoo.testing import Fault, architecture_checks
from ganzoo.testing.check import NotHere

KITS = {"vanilla": SMALL["vanilla"], "dcgan": SMALL["dcgan"], "wgan-gp": SMALL["wgan-gp"]}


def first_fault(architecture: type, until: str) -> tuple[str, Fault] | None:
    """The first check that fails, of those up to `until`, and how."""
    for check in architecture_checks(architecture):
        try:
            check()
        except NotHere:
            pass
        except Fault as fault:
            return check.name, fault
        if check.name == until:
            return None
    raise AssertionError(f"there is no check {until!r}")


def test_nothing_is_found_where_nothing_is_wrong():
    assert first_fault(faults.Fine, "processes") is None


@pytest.mark.parametrize("name", faults.FAULTS)
def test_a_planted_fault_is_found_by_the_check_that_is_meant_for_it(name):
    expected, architecture = faults.FAULTS[name]
    found = first_fault(architecture, expected)
    assert found is not None, f"no check found it up to {expected}"
    check, fault = found
    assert check == expected, str(fault)
    assert fault.method
    assert fault.expected
    assert fault.came
    assert str(fault) == f"{fault.method}: expected {fault.expected}; came {fault.came}"
