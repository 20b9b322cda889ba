"""Fuzzing of the gates: hypothesis, round after round with other seeds, for as long as was asked for.

``FUZZ_SECONDS=600 python -m pytest tests -k fuzz`` goes on for ten minutes a target; five seconds are the default.
"""

import itertools
import os
import time
from collections.abc import Callable

import hypothesis

SECONDS = float(os.environ.get("FUZZ_SECONDS", "5"))
EXAMPLES_A_ROUND = 50


def fuzz(test: Callable[[], None]) -> None:
    """Call a test that is decorated with ``hypothesis.given`` until the time is over; a failure is shrunk and raised.

    The first round's seed is 0, so that what five seconds find, ten minutes find again.
    """
    test = hypothesis.settings(
        max_examples=EXAMPLES_A_ROUND,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )(test)
    end = time.monotonic() + SECONDS
    for number in itertools.count():
        hypothesis.seed(number)(test)()
        if time.monotonic() > end:
            return
