"""How often the rules for claims say something false: simulated worlds in which the truth is known.

    python -m benchmarks.familywise            # 20,000 reproductions of each kind; some minutes
    python -m benchmarks.familywise --runs 500

The shape is the default profile's: six claims, of 2, 10 and four times 2 figures, against two baselines. Differences of
one world are normal and correlated: within a claim, between claims, and between the baselines, which one method is
compared with.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tabulate import tabulate

from results.claims import FAMILYWISE, NO_DIFFERENCE, REJECTED, Claim, decide

FIGURES = (2, 10, 2, 2, 2, 2)  # of each claim
BASELINES = ("weak view", "strong view")
LARGE = 2.0  # a true difference, in standard deviations over worlds
MARGIN = 0.8
WORLDS = (8, 20)

Truth = list[np.ndarray]  # for each claim [baselines, figures], true differences in standard deviations


def _truth(differs: Callable[[int, int, int], bool], size: float = LARGE) -> Truth:
    """``differs`` tells of a claim, a baseline and a figure whether there is a difference."""
    return [
        np.array([[size * differs(claim, baseline, figure) for figure in range(count)] for baseline in range(2)])
        for claim, count in enumerate(FIGURES)
    ]


TRUTHS: Mapping[str, Truth] = {
    "nothing differs": _truth(lambda *_: False),
    "all differ from the first baseline, none from the second": _truth(lambda _, baseline, __: baseline == 0),
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


def simulate(truth: Truth, worlds: int, runs: int, seed: int = 0) -> float:
    """The share of reproductions with at least one false word.

    Args:
        truth: the true differences.
        worlds: of each reproduction.
        runs: how many reproductions.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    return sum(_says_something_false(truth, worlds, rng) for _ in range(runs)) / runs


def _says_something_false(truth: Truth, worlds: int, rng: np.random.Generator) -> bool:
    common = rng.normal(size=(worlds, 1, 1))
    for of_claim in truth:
        of_baselines, figures = of_claim.shape
        shared, by_figure = rng.normal(size=(worlds, 1, 1)), rng.normal(size=(worlds, 1, figures))
        own = rng.normal(size=(worlds, of_baselines, figures))
        noise = np.sqrt(0.2) * common + np.sqrt(0.3) * shared + np.sqrt(0.25) * (by_figure + own)  # variance 1
        claim = _decided(of_claim + noise)
        words = [(test.outcome, [true]) for test, true in zip(claim.comparisons, of_claim.mean(1), strict=True)]
        words += [(one.outcome, true) for one, true in zip(claim.figures, of_claim.T.tolist(), strict=True)]
        if any(_is_false(outcome.word, true) for outcome, true in words if outcome):
            return True
    return False


def _is_false(word: str, differences: Sequence[float]) -> bool:
    """A word is about all baselines; where there is a difference, it is never one below 0."""
    if word in REJECTED:
        return word == "does not hold" or min(differences) == 0
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
    return decide("simulated", ours, baselines, FAMILYWISE / len(FIGURES), MARGIN)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the share of false words for each truth and number of worlds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000, help="reproductions of each kind (default: %(default)s)")
    given = parser.parse_args(arguments)
    rows = [
        {"what is true": title} | {f"{n} worlds": f"{100 * simulate(truth, n, given.runs):.2f}%" for n in WORLDS}
        for title, truth in TRUTHS.items()
    ]
    print(tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
