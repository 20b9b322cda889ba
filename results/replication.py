"""Whether other worlds say of the same claims what the first ones said, as docs/results.md asks of the final worlds."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tabulate import tabulate

from core.errors import InputError
from results.claims import FAMILYWISE, REJECTED
from results.plan import Measured, Results
from results.schema import Metric
from results.shipped import digest_of
from results.statistics import Summary, holm, p_of_equal_means
from results.tested import Line, decided, tested, worlds_of

DRAWS = 1_000
DRAW = 0  # their seed

Words = Mapping[str, str]  # by what is tested
World = list[tuple[tuple[str, str, str, str], Metric]]  # what was measured in it


@dataclass(frozen=True)
class Repeated:
    """One difference in both sets of worlds.

    Attributes:
        first, second: the same comparison in each.
        p_value: of Welch's test that both means are one; 1 where a set has no difference.
    """

    first: Line
    second: Line
    p_value: float

    @property
    def title(self) -> str:
        """What is compared, and on what."""
        better, baseline = self.first.titles
        return f"{self.first.about}: {better} − {baseline}"


def replication(first: Results, second: Results) -> str:
    """Both sets side by side as Markdown, with what was asked of them.

    Args:
        first: worlds of a profile that claims something.
        second: other worlds, of a profile that determines the same differences.

    Raises:
        InputError: the profiles differ in what determines figures, nothing is claimed, or a world is in both.
    """
    _require_comparable(first, second)
    lines = [{line.key: line for line in tested(results)} for results in (first, second)]
    pairs = [
        Repeated(one, other, _p_value(one.comparison.difference, other.comparison.difference))
        for key, one in lines[0].items()
        if (other := lines[1].get(key))
    ]
    table = tabulate([_row(pair) for pair in pairs], headers="keys", tablefmt="github", disable_numparse=True)
    notes = [_on_means(pairs), *_on_words(first, second)]
    return "\n".join([table, "", *(f"- {note}" for note in notes)])


def _require_comparable(first: Results, second: Results) -> None:
    names = [results.profile["name"] for results in (first, second)]
    if first.claims is None:
        raise InputError(f"Profile {names[0]} claims nothing, so that no other worlds can repeat it: give it claims.")
    if digest_of(first.profile, first.tables) != digest_of(second.profile, second.tables):
        raise InputError(
            f"Profiles {names[0]} and {names[1]} differ in what determines figures: compare two that differ in their "
            "seeds alone (python -m results diff names the rest)."
        )
    common = sorted(set(worlds_of(first)) & set(worlds_of(second)), key=int)
    if common:
        raise InputError(
            f"World {common[0]} is in both reproductions, expected worlds of their own: run other seeds of one of them."
        )


def _p_value(first: Summary | None, second: Summary | None) -> float:
    return 1.0 if first is None or second is None else p_of_equal_means(first, second)


def _row(pair: Repeated) -> dict[str, str]:
    sides = [line.comparison.difference for line in (pair.first, pair.second)]
    shift = f"{sides[1].mean - sides[0].mean:+.2f}" if sides[0] and sides[1] else ""
    return {
        "Difference": pair.title,
        "Pretraining set": pair.first.set_title,
        "First": _shown(pair.first),
        "Second": _shown(pair.second),
        "Second − first": shift,
        "p": f"{pair.p_value:.2g}" if shift else "",
        "Word of the first": pair.first.outcome.word,
        "Of the second": pair.second.outcome.word,
    }


def _shown(line: Line) -> str:
    difference, interval = line.comparison.difference, line.comparison.interval
    if difference is None:
        return "not run"
    between = " [{:+.2f}, {:+.2f}]".format(*interval) if interval else ""
    return f"{difference.mean:+.2f}{between} ({difference.n})"


def _on_means(pairs: Sequence[Repeated]) -> str:
    rejected = holm([pair.p_value for pair in pairs], FAMILYWISE)
    differing = [pair.title for pair, differs in zip(pairs, rejected, strict=True) if differs]
    test = f"Welch's t test, Holm at {100 * FAMILYWISE:g}% over {len(pairs)} differences"
    return f"Means that differ between the sets ({test}): {'; '.join(differing) or 'none'}."


def _on_words(first: Results, second: Results) -> list[str]:
    """What changed, and how much was to be expected."""
    words = [_words(results, results.measured) for results in (first, second)]
    changed = [f"{what} ({one} → {words[1][what]})" for what, one in words[0].items() if one != words[1].get(what)]
    reversed_ = [what for what, one in words[0].items() if {one, words[1].get(what)} == set(REJECTED)]
    expected = sorted(_expected(first, second))
    outside = len(expected) // 40  # to each side of 95%
    low, high = expected[outside], expected[-outside - 1]
    return [
        f"Words that reverse: {'; '.join(reversed_) or 'none'}.",
        f"Words that changed: {len(changed)} of {len(words[0])}{': ' if changed else ''}{'; '.join(changed)}.",
        f"Expected of two such sets: {fmean(expected):.1f} (in 95% of {DRAWS:,} pairs of sets, drawn with replacement "
        f"from all worlds, {low} to {high}).",
    ]


def _words(results: Results, measured: Measured) -> Words:
    """The word for every mean against each baseline, and for every single figure."""
    words = {}
    for training_set, better, claim in decided(results, measured):
        whose = f"{results.title_of_set(training_set)}, " if len(results.sets_of[better]) > 1 else ""
        for comparison in claim.comparisons:
            name = f"{whose}{claim.name}: {results.title_of(better)} − {results.title_of(comparison.baseline)}"
            words[name] = comparison.outcome.word if comparison.outcome else ""
        for figure in claim.figures:
            words[f"{whose}{results.title_of_figure(figure.name)}"] = figure.outcome.word
    return words


def _expected(first: Results, second: Results) -> list[int]:
    """How many words differ between two sets that are drawn with replacement from all worlds, in each draw."""
    sides = [_worlds(results) for results in (first, second)]
    every = [world for side in sides for world in side]
    draw = random.Random(DRAW)
    counts = []
    for _ in range(DRAWS):
        one, other = (_words(first, _together(draw.choices(every, k=len(side)))) for side in sides)
        counts.append(sum(other[what] != word for what, word in one.items()))
    return counts


def _worlds(results: Results) -> list[World]:
    return [
        [(key, by_seed[world]) for key, by_seed in results.measured.items() if world in by_seed]
        for world in worlds_of(results)
    ]


def _together(worlds: Sequence[World]) -> Measured:
    """Worlds as one reproduction has them, each under a seed of its own."""
    measured: Measured = {}
    for place, world in enumerate(worlds):
        for key, metric in world:
            measured.setdefault(key, {})[str(place)] = metric
    return measured
