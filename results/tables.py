"""Tables as a pure function of records: ours alone, ours beside the paper's, and the paper's claims."""

from dataclasses import dataclass, replace

from results import reproduced
from results.definitions import (
    BASELINE,
    CLAIMED_BETTER,
    METHOD_TITLES,
    PUBLISHED_METHODS,
    SET_TITLES,
    TABLES,
    Column,
    Table,
)
from results.outcome import NOT_RUN, Outcome
from results.plan import Measured, Results
from results.published import UNKNOWN, Figures, Published, combined, read_published
from results.statistics import Summary, summarise

NOT_APPLICABLE = "not applicable"
PUBLISHED_ONLY = "published only"


@dataclass(frozen=True)
class Rendered:
    """A finished table: one string a cell, rows that all have the same headers."""

    name: str
    title: str
    cells: list[dict[str, str]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """A figure of a table, of one method and one pretraining set.

    Attributes:
        table: where it stands.
        column: what it is.
        method, training_set: of the checkpoints.
        published: the paper's; unknown where the profile does not compare with the paper.
        ours: over seeds; None where nothing was run.
        own_spread: sample standard deviation over a single measurement's own repetitions, where it has any.
        outcome: of the comparison with the paper, where there is one.
    """

    table: Table
    column: Column
    method: str
    training_set: str
    published: Published
    ours: Summary | None
    own_spread: float | None
    outcome: Outcome | None

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; of a single seed, over its own repetitions."""
        if self.ours is None or self.ours.deviation is None:
            return self.own_spread
        return self.ours.deviation


@dataclass(frozen=True)
class Claim:
    """The paper's claim that MoPro is better than CE in some figure.

    Attributes:
        table: where the figure stands.
        column: what it is.
        training_set: of both methods' checkpoints.
        difference: of runs that share a seed, MoPro minus CE; None where there is no pair.
    """

    table: Table
    column: Column
    training_set: str
    difference: Summary | None

    @property
    def title(self) -> str:
        """The claim in words."""
        return f"MoPro {'below' if self.column.lower_is_better else 'above'} CE on {self.column.title}"

    @property
    def verdict(self) -> str:
        """``holds``, ``does not hold``, ``undecided``, ``too few seeds`` or ``not run``."""
        if self.difference is None:
            return NOT_RUN
        if self.difference.n == 1:
            return "too few seeds"
        low, high = self.difference.interval()
        worst, best = (-high, -low) if self.column.lower_is_better else (low, high)
        return "holds" if worst > 0 else "does not hold" if best < 0 else "undecided"


def build_tables(results: Results) -> list[Rendered]:
    """The tables of the plan: beside the paper's figures where the profile says so, else ours alone."""
    measured = results.measured
    planned = _planned(results)
    rows = list(dict.fromkeys((method, training_set) for method, training_set, _ in planned))
    tables = [table for table in (_of_plan(table, planned) for table in TABLES) if table.columns]
    if results.profile["compares_with"] == "paper":
        published, every = read_published(), figures(results)
        return [
            _beside_the_paper(table, rows, [one for one in every if one.table.name == table.name], results, published)
            for table in tables
            if table.published
        ]
    shown = [table for table in tables if table.published or _is_measured(table, rows, measured)]
    claims = _tested(shown, rows, measured)
    return [*(_ours(table, rows, planned, measured) for table in shown), *([_claims(claims)] if claims else [])]


Rows = list[tuple[str, str]]  # (method, pretraining set)
Planned = dict[tuple[str, str, str], None]  # (method, pretraining set, evaluation), in the plan's order


def _planned(results: Results) -> Planned:
    jobs = [tags for tags in results.tags if "evaluation" in tags]
    return dict.fromkeys((tags["method"], tags["set"], tags["evaluation"]) for tags in jobs)


def _of_plan(table: Table, planned: Planned) -> Table:
    """The table without the columns that no job of the plan measures."""
    evaluations = {evaluation for _, _, evaluation in planned}
    return replace(table, columns=tuple(column for column in table.columns if column.evaluation in evaluations))


def _is_measured(table: Table, rows: Rows, measured: Measured) -> bool:
    return any(_summary(measured, row, column) for row in rows for column in table.columns)


def _summary(measured: Measured, row: tuple[str, str], column: Column) -> Summary | None:
    values = measured.get((*row, column.evaluation, column.metric))
    return summarise([value for value, _ in values.values()]) if values else None


def _cell(measured: Measured, row: tuple[str, str], column: Column) -> str:
    """Mean ± standard deviation over seeds (their number); of a single seed, the spread over its own repetitions."""
    summary = _summary(measured, row, column)
    if summary is None:
        return NOT_RUN
    ((_, own_spread), *_) = measured[(*row, column.evaluation, column.metric)].values()
    spread = summary.deviation if summary.deviation is not None else own_spread
    return f"{summary.mean:.2f}" + (f" ± {spread:.2f}" if spread is not None else "") + f" ({summary.n})"


def _titles(row: tuple[str, str]) -> dict[str, str]:
    method, training_set = row
    return {
        "Method": METHOD_TITLES.get(method, method),
        "Pretraining set": SET_TITLES.get(training_set, training_set),
    }


def _ours(table: Table, rows: Rows, planned: Planned, measured: Measured) -> Rendered:
    def cell(row: tuple[str, str], column: Column) -> str:
        return _cell(measured, row, column) if (*row, column.evaluation) in planned else NOT_APPLICABLE

    cells = [_titles(row) | {column.title: cell(row, column) for column in table.columns} for row in rows]
    notes = ("Mean ± sample standard deviation over seeds (number of seeds).", *table.definitions)
    return Rendered(table.name, table.title, cells, notes)


def _tolerance(results: Results, table: Table) -> float:
    """The profile's tolerance for a table; one number stands for all."""
    tolerance = results.profile["tolerance"]
    return tolerance[table.name] if isinstance(tolerance, dict) else tolerance


def _published_rows(table: Table, row: tuple[str, str]) -> list[tuple[str, str]]:
    """(method, pretraining set) of the published rows that a row of ours reproduces."""
    method, training_set = row
    names = PUBLISHED_METHODS.get((table.published or "", method), ())
    return [(name, SET_TITLES.get(training_set, training_set)) for name in names]


def _published(figures: Figures, table: Table, row: tuple[str, str], column: Column) -> Published:
    method, _ = row
    if table.published is None or column.published is None:
        return UNKNOWN
    if column.published_for is not None and method not in column.published_for:
        return UNKNOWN
    found = (figures.get((table.published, *name, column.published)) for name in _published_rows(table, row))
    return combined([figure for figure in found if figure])


def _beside_the_paper(table: Table, rows: Rows, ours: list[Figure], results: Results, published: Figures) -> Rendered:
    """One line for each figure that the plan measures, then the published rows that no job of the plan reproduces."""
    cells = []
    reproduced_rows: set[tuple[str, str]] = set()
    for row in rows:
        of_row = [figure for figure in ours if (figure.method, figure.training_set) == row]
        cells += [_line_of(figure, results.measured) for figure in of_row]
        if of_row:
            reproduced_rows.update(_published_rows(table, row))
        else:
            cells.append(_line(_titles(row), "all", None, NOT_APPLICABLE, "", NOT_APPLICABLE))
    cells += _published_only(table, reproduced_rows, published)
    tolerance = _tolerance(results, table)
    notes = (
        "Ours: mean ± sample standard deviation over seeds (number of seeds); of one seed, over its own draws. Not "
        "applicable: the method has nothing that could be measured, such as a classifier of ImageNet's classes.",
        "Source of the paper's figure: verified (official repository or the method's paper), secondary (quoted "
        "elsewhere), conflict (sources disagree), missing (not found; it is left unknown).",
        "Difference: ours minus the paper's.",
        f"Verdict: reproduced if the 90% interval of the difference over seeds lies within {tolerance:g} (two "
        f"one-sided tests at 5%), better or worse if the 95% interval lies wholly beyond {tolerance:g} (Holm's "
        "correction within the table), else undecided, with the seeds that would decide if mean and deviation stayed. "
        "One seed has no interval: it lies within the tolerance, or outside. Published only: a row of the literature "
        "that this profile has no method for.",
        *table.definitions,
        *table.notes,
    )
    return Rendered(table.name, table.title, cells, notes)


def _line_of(figure: Figure, measured: Measured) -> dict[str, str]:
    row = (figure.method, figure.training_set)
    return _line(
        _titles(row),
        figure.column.title,
        figure.published,
        _cell(measured, row, figure.column),
        _difference(figure.ours, figure.published),
        str(figure.outcome),
    )


def _line(
    titles: dict[str, str], figure: str, published: Published | None, ours: str, difference: str, outcome: str
) -> dict[str, str]:
    return titles | {
        "Figure": figure,
        "Paper": _shown(published) if published else "",
        "Source": published.status if published else "",
        "Ours": ours,
        "Difference": difference,
        "Verdict": outcome,
    }


def _difference(ours: Summary | None, published: Published) -> str:
    """Ours minus the paper's, where there is one of each."""
    return f"{ours.mean - published.values[0]:+.2f}" if ours and len(published.values) == 1 else ""


def _published_only(table: Table, reproduced: set[tuple[str, str]], figures: Figures) -> list[dict[str, str]]:
    """The figures, where they are known, of published rows that are none of ours."""
    titles = {column.published: column.title for column in reversed(table.columns)}
    return [
        _line({"Method": method, "Pretraining set": trained_on}, titles[metric], published, NOT_RUN, "", PUBLISHED_ONLY)
        for (name, method, trained_on, metric), published in figures.items()
        if name == table.published and (method, trained_on) not in reproduced and metric in titles and published.values
    ]


def _shown(published: Published) -> str:
    return " or ".join(f"{value:g}" for value in published.values) or "unknown"


def _claims(claims: list[Claim]) -> Rendered:
    """The paper's claim for every figure: MoPro above CE, by the difference of runs that share a seed."""
    cells = [{"Claim": claim.title} | _claim(claim) for claim in claims]
    notes = (
        "Difference: mean over seeds of MoPro minus CE with the same seed, in percentage points, and its 95% "
        "confidence interval (Student's t).",
        "A claim holds if the whole interval lies on its side of 0, does not hold if it lies on the other, and is "
        "undecided otherwise.",
    )
    return Rendered("claims", "The paper's claims, tested", cells, notes)


def _tested(tables: list[Table], rows: Rows, measured: Measured) -> list[Claim]:
    """None on a pretraining set for which the plan has only one of the two methods, or neither."""
    tested = []
    for training_set in dict.fromkeys(on for _, on in rows):
        if not {(CLAIMED_BETTER, training_set), (BASELINE, training_set)} <= set(rows):
            continue
        for table, column in ((it, column) for it in tables for column in it.columns if column.is_claimed):
            better, baseline = (
                measured.get((method, training_set, column.evaluation, column.metric), {})
                for method in (CLAIMED_BETTER, BASELINE)
            )
            differences = [better[seed][0] - baseline[seed][0] for seed in sorted(better.keys() & baseline.keys())]
            tested.append(Claim(table, column, training_set, summarise(differences) if differences else None))
    return tested


def _claim(claim: Claim) -> dict[str, str]:
    summary, outcome = claim.difference, claim.verdict
    if summary is None:
        return {"Difference": NOT_RUN, "95% interval": "", "n": "0", "Verdict": outcome}
    low, high = summary.interval()
    return {
        "Difference": f"{summary.mean:+.2f}",
        "95% interval": f"[{low:+.2f}, {high:+.2f}]" if summary.n > 1 else "",
        "n": str(summary.n),
        "Verdict": outcome,
    }


def figures(results: Results) -> list[Figure]:
    """Every figure that the plan measures, measured or not, table by table."""
    published = read_published()
    planned = _planned(results)
    compares = results.profile["compares_with"] == "paper"
    rows = list(dict.fromkeys((method, training_set) for method, training_set, _ in planned))
    found: list[Figure] = []
    for table in TABLES:
        of_table = [
            _figure(results.measured, published if compares else {}, table, row, column)
            for column in table.columns
            for row in rows
            if (*row, column.evaluation) in planned
        ]
        if of_table and compares and table.published:
            tolerance = _tolerance(results, table)
            compared = [
                reproduced.Compared(it.published, it.ours, tolerance, it.column.lower_is_better) for it in of_table
            ]
            outcomes = reproduced.outcomes(compared)
            of_table = [replace(it, outcome=outcome) for it, outcome in zip(of_table, outcomes, strict=True)]
        found += of_table
    return found


def _figure(measured: Measured, published: Figures, table: Table, row: tuple[str, str], column: Column) -> Figure:
    """Without the comparison with the paper, which rests on all figures of a table."""
    values = measured.get((*row, column.evaluation, column.metric), {})
    own_spread = next((spread for _, spread in values.values()), None)
    paper = _published(published, table, row, column)
    return Figure(table, column, *row, paper, _summary(measured, row, column), own_spread, None)


def tested_claims(results: Results) -> list[Claim]:
    """The paper's claims of every table that the plan measures, with what became of them."""
    planned = _planned(results)
    rows = list(dict.fromkeys((method, training_set) for method, training_set, _ in planned))
    return _tested([_of_plan(table, planned) for table in TABLES], rows, results.measured)
