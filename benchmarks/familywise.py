"""How often the rules for claims say something false: simulated worlds in which the truth is known.

    python -m benchmarks.familywise            # 20,000 reproductions of each kind; some minutes
    python -m benchmarks.familywise --runs 500

The shape is the default profile's: six claims, of 2, 10 and four times 2 figures, against two baselines. Differences of
one world are normal and correlated: within a claim, between claims, and between the baselines, which one method is
compared with. The margin is 1.25 times half the interval of a figure at a claim's level: much narrower, and ``no
difference`` is hardly ever said; much wider, and a difference as large as the margin is always found.
"""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from tabulate import tabulate

from results.claims import FAMILYWISE, NO_DIFFERENCE, REJECTED, Claim, decide
from results.statistics import students_t

FIGURES = (2, 10, 2, 2, 2, 2)  # of each claim
LEVEL = FAMILYWISE / len(FIGURES)
BASELINES = ("weak view", "strong view")
MARGIN = 1.0
HALVES_IN_MARGIN = 1.25
LARGE = 2.0  # a true difference, in margins
WORLDS = (8, 20)


class Truth(NamedTuple):
    """What is true.

    Attributes:
        differences: of each claim, ``[baselines, figures]``, in margins.
        correlation: of the differences from one baseline with those from the other, over worlds.
    """

    differences: Sequence[np.ndarray]
    correlation: float


class Errors(NamedTuple):
    """False words of a reproduction, or the shares of reproductions with at least one.

    Attributes:
        significant: ``holds`` or ``does not hold`` where there is no difference, or one to the other side.
        no_difference: where there is one as large as the margin.
    """

    significant: float
    no_difference: float


def _truth(differs: Callable[[int, int, int], bool], size: float = LARGE, correlation: float = 0.75) -> Truth:
    """``differs`` tells of a claim, a baseline and a figure whether there is a difference."""
    differences = [
        np.array([[size * differs(claim, baseline, figure) for figure in range(count)] for baseline in range(2)])
        for claim, count in enumerate(FIGURES)
    ]
    return Truth(differences, correlation)


TRUTHS: Mapping[str, Truth] = {
    "nothing differs": _truth(lambda *_: False),
    "all differ from the first baseline, none from the second": _truth(lambda _, baseline, __: baseline == 0),
    "all differ from the first by the margin, none from the second": _truth(
        lambda _, baseline, __: baseline == 0, MARGIN
    ),
    "all differ from the first by the margin, none from the second, baselines uncorrelated": _truth(
        lambda _, baseline, __: baseline == 0, MARGIN, correlation=0
    ),
    "all differ from the first by a tenth of the margin, none from the second": _truth(
        lambda _, baseline, __: baseline == 0, MARGIN / 10
    ),
    "all differ from both by the margin": _truth(lambda *_: True, MARGIN),
    "all differ from both by the margin, baselines uncorrelated": _truth(lambda *_: True, MARGIN, correlation=0),
    "of each claim, the first figure differs": _truth(lambda _, __, figure: figure == 0),
    "of each claim, half of the figures differ": _truth(lambda _, __, figure: figure % 2 == 0),
    "of each claim, all figures but the first differ": _truth(lambda _, __, figure: figure > 0),
    "of each claim, half of the figures differ by the margin": _truth(lambda _, __, figure: figure % 2 == 0, MARGIN),
    "three claims differ, three do not": _truth(lambda claim, *_: claim % 2 == 0),
    "three claims differ by the margin, three do not": _truth(lambda claim, *_: claim % 2 == 0, MARGIN),
    "all differ vastly from the first baseline, one of each claim from the second": _truth(
        lambda _, baseline, figure: baseline == 0 or figure == 0, 10 * LARGE
    ),
    "all differ from the first baseline, half from the second": _truth(
        lambda _, baseline, figure: baseline == 0 or figure % 2 == 0
    ),
}


def simulate(truth: Truth, worlds: int, runs: int, seed: int = 0) -> Errors:
    """The shares of reproductions with at least one false word of either kind.

    Args:
        truth: the true differences.
        worlds: of each reproduction.
        runs: how many reproductions.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    errors = [_errors(truth, worlds, rng) for _ in range(runs)]
    return Errors(*(sum(kind) / runs for kind in zip(*errors, strict=True)))


def _errors(truth: Truth, worlds: int, rng: np.random.Generator) -> Errors:
    """Of one reproduction, each 0 or 1."""
    deviation = MARGIN / HALVES_IN_MARGIN * math.sqrt(worlds) / students_t(worlds - 1, 1 - LEVEL)
    common = rng.normal(size=(worlds, 3, 1))
    words = []
    for true in truth.differences:
        # Of either baseline alone, and of both: variance 1, and a correlation of 0.5 between figures.
        noise = math.sqrt(0.2) * common + math.sqrt(0.3) * rng.normal(size=common.shape)
        noise = noise + math.sqrt(0.5) * rng.normal(size=(worlds, 3, true.shape[1]))
        noise = math.sqrt(1 - truth.correlation) * noise[:, :2] + math.sqrt(truth.correlation) * noise[:, 2:]
        claim = _decided(true + deviation * noise)
        words += [(test.outcome, [mean]) for test, mean in zip(claim.comparisons, true.mean(1), strict=True)]
        words += [(one.outcome, both) for one, both in zip(claim.figures, true.T.tolist(), strict=True)]
    said = [(outcome.word, differences) for outcome, differences in words if outcome]
    return Errors(any(_is_false(*it) for it in said), any(_hides_a_difference(*it) for it in said))


def _is_false(word: str, differences: Sequence[float]) -> bool:
    """A word is about all baselines; where there is a difference, it is never one below 0."""
    return word in REJECTED and (word == "does not hold" or min(differences) == 0)


def _hides_a_difference(word: str, differences: Sequence[float]) -> bool:
    return word == NO_DIFFERENCE and max(differences) >= MARGIN


def _decided(differences: np.ndarray) -> Claim:
    """Of ``[worlds, baselines, figures]``."""
    worlds, of_baselines, figures = differences.shape
    names = [str(world) for world in range(worlds)]
    ours = {str(figure): dict.fromkeys(names, 0.0) for figure in range(figures)}
    baselines = {
        BASELINES[baseline]: {
            str(figure): dict(zip(names, (-differences[:, baseline, figure]).tolist(), strict=True))
            for figure in range(figures)
        }
        for baseline in range(of_baselines)
    }
    return decide("simulated", ours, baselines, LEVEL, MARGIN)


def _shares(truth: Truth, worlds: int, runs: int) -> dict[str, str]:
    """In percent, by the headers of the table."""
    errors = simulate(truth, worlds, runs)
    return {
        f"significant, {worlds} worlds": f"{100 * errors.significant:.2f}%",
        f"no difference, {worlds} worlds": f"{100 * errors.no_difference:.2f}%",
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the shares of false words for each truth and number of worlds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000, help="reproductions of each kind (default: %(default)s)")
    given = parser.parse_args(arguments)
    rows = [
        {"what is true": title} | _shares(truth, WORLDS[0], given.runs) | _shares(truth, WORLDS[1], given.runs)
        for title, truth in TRUTHS.items()
    ]
    print(tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
