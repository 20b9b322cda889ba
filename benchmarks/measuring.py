"""Times two ways of doing the same thing in turn, so that a drifting machine slows both."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from pretrain.backbone import PRECISIONS

PRODUCTS, PRODUCT_ROUNDS = 8, 5


@dataclass(frozen=True)
class Comparison:
    """A measured pair.

    Attributes:
        what: what both compute, with its size.
        reference: what the reference does.
        goal: what reference / ours should be at least; None where there is no goal.
        rounds: seconds of the reference and of ours, round by round.
    """

    what: str
    reference: str
    goal: float | None
    rounds: tuple[tuple[float, float], ...]

    @property
    def reference_seconds(self) -> float:
        """Median."""
        return statistics.median(theirs for theirs, _ in self.rounds)

    @property
    def our_seconds(self) -> float:
        """Median."""
        return statistics.median(ours for _, ours in self.rounds)

    @property
    def ratios(self) -> list[float]:
        """Reference / ours of every round, the lowest first."""
        return sorted(theirs / ours for theirs, ours in self.rounds)


def compare(
    what: str,
    reference: str,
    run_reference: Callable[[], object],
    run_ours: Callable[[], object],
    *,
    rounds: int,
    goal: float | None = None,
) -> Comparison:
    """Call both once unmeasured, then ``rounds`` times in turn."""
    run_reference()
    run_ours()
    measured = tuple((seconds(run_reference), seconds(run_ours)) for _ in range(rounds))
    return Comparison(what, reference, goal, measured)


def in_turn(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds that each way took in every round; in a round each is called once."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(seconds(way))
    return times


def waited_for(step: Callable[[], object], times: int, device: torch.device) -> Callable[[], None]:
    """Several steps as one way, which ends when the device has computed them: it would otherwise end before."""

    def way() -> None:
        for _ in range(times):
            step()
        wait_for(device)

    return way


def wait_for(device: torch.device) -> None:
    """Return once the device has computed all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matrix_peak(side: int, precision: str, device: torch.device) -> float:
    """Floating-point operations a second of the product of two square matrices, the highest of a few rounds."""
    left, right = (torch.randn(side, side, device=device, dtype=PRECISIONS[precision]) for _ in range(2))
    ways = {"product": waited_for(lambda: left @ right, PRODUCTS, device)}
    in_turn(ways, 1)
    return 2 * side**3 * PRODUCTS / min(in_turn(ways, PRODUCT_ROUNDS)["product"])


def seconds(run: Callable[[], object]) -> float:
    """How long one call takes."""
    before = time.perf_counter()
    run()
    return time.perf_counter() - before


def spread(values: Sequence[float], decimals: int) -> str:
    """The lowest and the highest of a few measurements."""
    return f"{min(values):.{decimals}f} to {max(values):.{decimals}f}"
