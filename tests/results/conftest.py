"""Fixtures that the tests of claims share."""

from pathlib import Path

import pytest

from tests.support.claim_runs import fill

GAINS = {"ce_strong_view": 9.0, "no_correction": 4.0, "mopro": 9.1}


@pytest.fixture(scope="module")
def eight(tmp_path_factory) -> Path:
    """Eight worlds, in which the view is the whole gain; tests must not change it."""
    return fill(tmp_path_factory.mktemp("eight"), 8, **GAINS)
