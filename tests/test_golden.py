"""Short trainings of every family have the losses that were kept."""

from __future__ import annotations

import pytest
from golden import CASES, differences, losses, train


@pytest.mark.parametrize("name", CASES)
def test_losses_are_those_that_were_kept(name, tmp_path):
    assert differences(name, losses(train(name, tmp_path / "run"))) == []
