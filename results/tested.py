"""The claims of a profile, tested on the figures of its plan."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from results.claimed import Claims
from results.claims import FAMILYWISE, Claim, Comparison, Worlds, decide, explained
from results.definitions import METHOD_TITLES, NOT_RUN
from results.outcome import Outcome
from results.plan import Results


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
    outcome: Outcome

    @property
    def key(self) -> str:
        """What it is a comparison of, for the shipped result."""
        return f"{self.training_set}: {self.figure or self.claim}, {self.better} against {self.comparison.baseline}"

    @property
    def title(self) -> str:
        """The claim in words."""
        return f"{self.about}: {title_of(self.better)} {self.side} {title_of(self.comparison.baseline)}"

    @property
    def side(self) -> str:
        """On which the better one is claimed to lie."""
        return "below" if self.lower_is_better else "above"


def title_of(method: str) -> str:
    """A method as it is printed."""
    return METHOD_TITLES.get(method, method)


def tested(results: Results) -> list[Line]:
    """Every comparison of the claims on each pretraining set of which the plan has the method and a baseline."""
    section = results.claims
    return list(_lines(results, section)) if section else []


def sets_with(results: Results, method: str, others: Iterable[str]) -> list[str]:
    """The pretraining sets on which the plan has a method and one of the others."""
    planned = dict.fromkeys(job.figure[:2] for job in results.jobs if job.figure)
    return [on for name, on in planned if name == method and any((other, on) in planned for other in others)]


def figures_of(results: Results, method: str, training_set: str, figures: Sequence[str]) -> dict[str, Worlds]:
    """A method's figures by world, which is what a seed draws."""
    found: dict[str, Worlds] = {}
    for figure in figures:
        column = results.columns[figure]
        of_seeds = results.measured.get((method, training_set, column.evaluation, column.metric), {})
        found[figure] = {seed: metric.value for seed, metric in of_seeds.items()}
    return found


def _lines(results: Results, section: Claims) -> Iterator[Line]:
    sets = sets_with(results, section.better, section.baselines)
    for training_set in sets:
        for name, figures in section.primary.items():
            claim = decide(
                name,
                figures_of(results, section.better, training_set, figures),
                {it: figures_of(results, it, training_set, figures) for it in section.baselines},
                FAMILYWISE / (len(section.primary) * len(sets)),
                section.margin,
                results.columns[figures[0]].lower_is_better,
            )
            yield from _lines_of(claim, training_set, section.better, results)


def _lines_of(claim: Claim, training_set: str, better: str, results: Results) -> Iterator[Line]:
    on, lower = (training_set, results.title_of_set(training_set)), claim.lower_is_better
    for comparison in claim.comparisons:
        outcome = explained(comparison.outcome or Outcome(NOT_RUN), [comparison])
        yield Line(claim.name, None, claim.name, *on, better, lower, comparison, outcome)
    for figure in claim.figures:
        outcome, title = explained(figure.outcome, figure.comparisons), results.columns[figure.name].title
        for comparison in figure.comparisons:
            yield Line(claim.name, figure.name, title, *on, better, lower, comparison, outcome)
