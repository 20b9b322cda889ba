"""The claims of a profile, tested on the figures of its plan."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from results.claims import FAMILYWISE, Claim, Comparison, SingleFigure, Worlds, decide, explained
from results.definitions import NO_DATA, NOT_RUN
from results.outcome import Outcome
from results.plan import Measured, Results

SHOWN = 3  # names in a reason


@dataclass(frozen=True)
class Line:
    """One comparison that was made for a claim: of its mean, or of one of its figures.

    Attributes:
        claim: its name.
        figure: by evaluation and metric; None for the mean.
        about: what is compared, as printed.
        training_set: of all checkpoints.
        set_title: as printed.
        better: the method that is claimed to be better.
        lower_is_better: as with errors.
        comparison: against one of the baselines.
        titles: of the better one and of the baseline, as printed.
        outcome: in a word; that of a figure is the same for all baselines.
    """

    claim: str
    figure: str | None
    about: str
    training_set: str
    set_title: str
    better: str
    lower_is_better: bool
    comparison: Comparison
    titles: tuple[str, str]
    outcome: Outcome

    @property
    def key(self) -> str:
        """What it is a comparison of, for the shipped result."""
        return f"{self.training_set}: {self.figure or self.claim}, {self.better} against {self.comparison.baseline}"

    @property
    def title(self) -> str:
        """The claim in words."""
        better, baseline = self.titles
        return f"{self.about}: {better} {self.side} {baseline}"

    @property
    def side(self) -> str:
        """On which the better one is claimed to lie."""
        return "below" if self.lower_is_better else "above"


def tested(results: Results) -> list[Line]:
    """Every comparison of the claims on each pretraining set of which the plan has the method and a baseline."""
    return [line for test in decided(results, results.measured) for line in _lines(*test, results)]


def decided(results: Results, measured: Measured) -> list[tuple[str, str, Claim]]:
    """What becomes of every claim, with its pretraining set and the method that is claimed to be better.

    Args:
        results: whose plan says what is claimed.
        measured: the figures by which it is decided.
    """
    section = results.claims
    if section is None:
        return []
    tests = [
        (better, baselines, training_set)
        for better, baselines in section.tests.items()
        for training_set in sets_with(results, better, baselines)
    ]
    return [
        (
            training_set,
            better,
            decide(
                name,
                figures_of(results, measured, better, training_set, figures),
                {it: figures_of(results, measured, it, training_set, figures) for it in baselines},
                FAMILYWISE / (len(section.primary) * len(tests)),
                section.margin,
                results.columns[figures[0]].lower_is_better,
            ),
        )
        for better, baselines, training_set in tests
        for name, figures in section.primary.items()
    ]


def worlds_of(results: Results) -> list[str]:
    """The seeds of which a method was measured that is claimed to be better, in order."""
    better = results.claims.tests if results.claims else {}
    seeds = {seed for (method, *_), by_seed in results.measured.items() if method in better for seed in by_seed}
    return sorted(seeds, key=int)


def sets_with(results: Results, method: str, others: Iterable[str]) -> list[str]:
    """The pretraining sets on which the plan has a method and one of the others."""
    with_another = {on for other in others for on in results.sets_of.get(other, ())}
    return [on for on in results.sets_of.get(method, ()) if on in with_another]


def figures_of(
    results: Results, measured: Measured, method: str, training_set: str, figures: Sequence[str]
) -> dict[str, Worlds]:
    """Of what was measured, a method's figures by world, which is what a seed draws."""
    found: dict[str, Worlds] = {}
    for figure in figures:
        column = results.columns[figure]
        of_seeds = measured.get((method, training_set, column.evaluation, column.metric), {})
        found[figure] = {seed: metric.value for seed, metric in of_seeds.items()}
    return found


def _lines(training_set: str, better: str, claim: Claim, results: Results) -> Iterator[Line]:
    on, lower = (training_set, results.title_of_set(training_set)), claim.lower_is_better

    def line(figure: str | None, about: str, comparison: Comparison, outcome: Outcome) -> Line:
        titles = results.title_of(better), results.title_of(comparison.baseline)
        return Line(claim.name, figure, about, *on, better, lower, comparison, titles, outcome)

    def reasons(figures: Iterable[SingleFigure], comparisons: Sequence[Comparison]) -> list[str]:
        methods = (better, *(comparison.baseline for comparison in comparisons))
        return _reasons(results, methods, training_set, [figure.name for figure in figures])

    for comparison in claim.comparisons:
        outcome = explained(comparison.outcome or Outcome(NOT_RUN), [comparison])
        yield line(None, claim.name, comparison, _why(outcome, reasons(claim.figures, [comparison])))
    for figure in claim.figures:
        outcome = explained(figure.outcome, figure.comparisons)
        outcome, title = _why(outcome, reasons([figure], figure.comparisons)), results.title_of_figure(figure.name)
        for comparison in figure.comparisons:
            yield line(figure.name, title, comparison, outcome)


def _reasons(results: Results, methods: Iterable[str], training_set: str, figures: Sequence[str]) -> list[str]:
    """Why there are no figures of the methods, where more seeds would not help.

    The profile does not have an evaluation for one of them, or it does not give the figure; or its data are not there.
    """
    unmeasured: dict[str, None] = {}
    lacking: dict[str, None] = {}
    for method in methods:
        for figure in figures:
            column = results.columns[figure]
            of_method = (method, training_set, column.evaluation)
            if results.possible and of_method not in results.possible:
                unmeasured[column.evaluation] = None
            elif of_method in results.evaluated and (*of_method, column.metric) not in results.measured:
                unmeasured[figure] = None
            lacking |= dict.fromkeys(results.lacking.get(of_method, ()))
    reasons = {"the profile does not measure": list(unmeasured), f"{NO_DATA}:": list(lacking)}
    return [f"{reason} {_some(names)}" for reason, names in reasons.items() if names]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _why(outcome: Outcome, reasons: Sequence[str]) -> Outcome:
    """What was not run, with the reasons, if there are any."""
    return Outcome(NOT_RUN, "; ".join(reasons)) if outcome.word == NOT_RUN and reasons else outcome
