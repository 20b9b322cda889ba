"""What the gain comes from: the claims' means along methods that lead from a baseline to the better one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from results.claims import FAMILYWISE, NO_VERDICT, UNDECIDED, WORLDS_FOR_A_VERDICT, Comparison, mean_difference
from results.definitions import NOT_RUN
from results.outcome import Outcome
from results.plan import Results
from results.tested import figures_of, sets_with

BETTER, WORSE = "better", "worse"


@dataclass(frozen=True)
class Step:
    """The difference that one step makes to the mean of a claim's figures.

    Attributes:
        claim: its name.
        training_set: of all checkpoints.
        set_title: as printed.
        method: that the step leads to; the comparison is with the one that it leads from.
        lower_is_better: as with errors.
        comparison: at a level that all steps of all claims share.
        title: from which method to which, as printed.
    """

    claim: str
    training_set: str
    set_title: str
    method: str
    lower_is_better: bool
    comparison: Comparison
    title: str

    @property
    def outcome(self) -> Outcome:
        """``better``, ``worse`` or ``undecided``; ``no verdict`` of too few worlds; ``not run``."""
        difference = self.comparison.difference
        if difference is None:
            return Outcome(NOT_RUN)
        if difference.n < WORLDS_FOR_A_VERDICT:
            return Outcome(NO_VERDICT, f"{difference.n} of {WORLDS_FOR_A_VERDICT} worlds")
        if self.comparison.p_value > self.comparison.level:
            return Outcome(UNDECIDED)
        return Outcome(BETTER if (difference.mean < 0) == self.lower_is_better else WORSE)


def steps_of_gain(results: Results) -> list[Step]:
    """Every step of every claim, on each pretraining set of which the plan has the better method and another."""
    section = results.claims
    if section is None or not section.steps:
        return []
    sets = sets_with(results, section.steps[-1], section.steps[:-1])
    pairs = list(pairwise(section.steps))
    return [
        Step(
            claim,
            training_set,
            results.title_of_set(training_set),
            after,
            results.columns[figures[0]].lower_is_better,
            Comparison(
                before,
                mean_difference(
                    figures_of(results, results.measured, after, training_set, figures),
                    figures_of(results, results.measured, before, training_set, figures),
                ),
                FAMILYWISE / (len(pairs) * len(section.primary) * len(sets)),
            ),
            f"{results.title_of(before)} → {results.title_of(after)}",
        )
        for training_set in sets
        for claim, figures in section.primary.items()
        for before, after in pairs
    ]


def in_words(steps: Sequence[Step]) -> str:
    """A paragraph that says of each step what it makes better and worse, and what is not known."""
    sentences = []
    for on, title in dict.fromkeys((step.training_set, step.title) for step in steps):
        parts = [step for step in steps if (step.training_set, step.title) == (on, title)]
        sentences.append(f"{title}: {'; '.join(_grouped(parts)) or 'not run'}.")
    if any(step.outcome.word == NO_VERDICT for step in steps):
        sentences.append(
            f"Of fewer than {WORLDS_FOR_A_VERDICT} worlds, this decides nothing about where the gain comes from."
        )
    return " ".join(sentences)


def _grouped(steps: Sequence[Step]) -> list[str]:
    """What becomes of the claims, those with the same word together."""
    found = []
    for word, lead in ((BETTER, "better in "), (WORSE, "worse in "), (UNDECIDED, "undecided in "), (NO_VERDICT, "")):
        alike = [f"{step.claim} ({_signed(step)})" for step in steps if step.outcome.word == word]
        if alike:
            found.append(lead + _listed(alike))
    if found and not any(step.outcome.word in (BETTER, NO_VERDICT) for step in steps):
        found.insert(0, "no certain gain")
    return found


def _signed(step: Step) -> str:
    assert step.comparison.difference is not None
    return f"{step.comparison.difference.mean:+.2f}"


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if parts[:-1] else "") + parts[-1]
