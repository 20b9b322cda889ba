"""Tables as a pure function of records: ours alone, or beside the paper's, and those of the claims."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from core.declarations import Column, Table
from core.errors import InputError
from results import reproduced
from results.claim_tables import tables_of_claims
from results.definitions import METHOD, NO_DATA, NOT_APPLICABLE, NOT_MEASURED, NOT_RUN, PUBLISHED_ONLY, SET
from results.outcome import Outcome
from results.plan import Measured, Results
from results.published import TABLES_OF, UNKNOWN, Figures, Published, combined, read_published
from results.rendered import Rendered
from results.schema import Convergence, Metric
from results.statistics import Summary, summarise

NOT_CONVERGED = "†"  # marks a figure
OF_ONE_SEED = (
    "Of one seed: ± over its own draws, and [95% interval over images], of this one checkpoint: another seed can lie "
    "outside."
)


@dataclass(frozen=True)
class Figure:
    """A figure of a table, of one method and one pretraining set.

    Attributes:
        table: that it belongs to.
        column: what it is.
        method, training_set: of the checkpoints.
        method_title, set_title: both as printed.
        published: the paper's; unknown where the profile does not compare with the paper.
        ours: over seeds; None where nothing was run.
        own_spread: sample standard deviation over a single measurement's own repetitions, where it has any.
        over_images: 95% interval of a single seed over images, where it was computed.
        absent: why there is none of ours, where there is none.
        convergence: of the classifiers behind it, over all seeds; None where none were fitted, or nobody counted.
        outcome: of the comparison with the paper, where there is one.
    """

    table: Table
    column: Column
    method: str
    method_title: str
    training_set: str
    set_title: str
    published: Published
    ours: Summary | None
    own_spread: float | None
    over_images: tuple[float, float] | None
    absent: str | None
    convergence: Convergence | None
    outcome: Outcome | None

    @property
    def has_not_converged(self) -> bool:
        """Whether it rests on a classifier that stopped at its limit of iterations."""
        return self.convergence is not None and self.convergence.not_converged > 0

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; of a single seed, over its own repetitions."""
        if self.ours is None or self.ours.deviation is None:
            return self.own_spread
        return self.ours.deviation


def build_tables(results: Results) -> list[Rendered]:
    """The tables of the plan, beside the paper's figures where the profile says so, and those of what it claims."""
    return [*_tables_of_figures(results), *(table.rendered for table in tables_of_claims(results))]


def _tables_of_figures(results: Results) -> list[Rendered]:
    measured = results.measured
    planned = _planned(results)
    rows = list(dict.fromkeys((method, training_set) for method, training_set, _ in planned))
    tables = [table for table in (_of_plan(table, planned) for table in results.tables) if table.columns]
    shown = [table for table in tables if table.published or _is_measured(table, rows, measured)]
    if results.profile["compares_with"] == "paper":
        published, every = _literature(results), figures(results)
        return [
            _beside_the_paper(table, rows, [one for one in every if one.table.name == table.name], results, published)
            if table.published
            else _ours(table, rows, planned, results)
            for table in shown
        ]
    return [_ours(table, rows, planned, results) for table in shown]


Rows = list[tuple[str, str]]  # (method, pretraining set)
Planned = dict[tuple[str, str, str], None]  # (method, pretraining set, evaluation), in the plan's order


def _planned(results: Results) -> Planned:
    return dict.fromkeys(job.figure[:3] for job in results.jobs if job.figure)  # type: ignore[misc]


def _of_plan(table: Table, planned: Planned) -> Table:
    """The table without the columns that no job of the plan measures."""
    evaluations = {evaluation for _, _, evaluation in planned}
    return replace(table, columns=tuple(column for column in table.columns if column.evaluation in evaluations))


def _is_measured(table: Table, rows: Rows, measured: Measured) -> bool:
    return any(_summary(measured, row, column) for row in rows for column in table.columns)


def _summary(measured: Measured, row: tuple[str, str], column: Column) -> Summary | None:
    values = measured.get((*row, column.evaluation, column.metric))
    return summarise([metric.value for metric in values.values()]) if values else None


def _convergence(metrics: Iterable[Metric]) -> Convergence | None:
    """Of all classifiers behind some figures."""
    counted = [metric.convergence for metric in metrics if metric.convergence]
    if not counted:
        return None
    return Convergence(
        fitted=sum(one.fitted for one in counted), not_converged=sum(one.not_converged for one in counted)
    )


def _absent(results: Results, row: tuple[str, str], column: Column) -> str:
    """Why there is no figure: what was run does not measure it, there are no data for it, or nothing was run."""
    what = (*row, column.evaluation)
    if what in results.evaluated:
        return NOT_MEASURED
    return NO_DATA if what in results.lacking else NOT_RUN


def unplanned(results: Results, row: tuple[str, str], columns: Iterable[Column]) -> str:
    """Why the plan measures none of these: the profile could, or the method has nothing for them."""
    return NOT_RUN if any((*row, it.evaluation) in results.possible for it in columns) else NOT_APPLICABLE


def _cell(results: Results, row: tuple[str, str], column: Column) -> str:
    """Mean ± standard deviation over seeds (their number).

    Of a single seed, the spread over its own repetitions, and its interval over images.
    """
    summary = _summary(results.measured, row, column)
    if summary is None:
        return _absent(results, row, column)
    metrics = list(results.measured[(*row, column.evaluation, column.metric)].values())
    spread = summary.deviation if summary.deviation is not None else metrics[0].spread
    convergence = _convergence(metrics)
    mark = f" {NOT_CONVERGED}" if convergence and convergence.not_converged else ""
    over_images = _interval_over_images(metrics)
    interval = " [{:.2f}, {:.2f}]".format(*over_images) if over_images else ""
    return (
        f"{summary.mean:.2f}" + (f" ± {spread:.2f}" if spread is not None else "") + f" ({summary.n}){interval}{mark}"
    )


def _interval_over_images(metrics: Sequence[Metric]) -> tuple[float, float] | None:
    """Of a single measurement."""
    return metrics[0].interval if len(metrics) == 1 else None


def marks(table: Table, rows: Collection[tuple[str, str]], results: Results) -> tuple[str, ...]:
    """What the marks in a table's cells mean, figure by figure, and which data were not there."""
    return _not_converged(table, rows, results) + _lacking(table, rows, results)


def _lacking(table: Table, rows: Collection[tuple[str, str]], results: Results) -> tuple[str, ...]:
    shown = [(*row, column.evaluation) for row in rows for column in table.columns]
    keys = dict.fromkeys(key for what in shown for key in results.lacking.get(what, ()))
    return (f"No data: what the profile names as {', '.join(keys)} was not there.",) if keys else ()


def _not_converged(table: Table, rows: Collection[tuple[str, str]], results: Results) -> tuple[str, ...]:
    found = []
    for row, column in ((row, column) for row in rows for column in table.columns):
        convergence = _convergence(results.measured.get((*row, column.evaluation, column.metric), {}).values())
        if convergence and convergence.not_converged:
            method, training_set = _titles(row, results).values()
            counts = f"{convergence.not_converged} of {convergence.fitted}"
            found.append(f"{method}, {training_set}, {column.title}: {counts}")
    if not found:
        return ()
    return (
        f"{NOT_CONVERGED} SVMs behind the figure stopped at their limit of iterations before they converged "
        f"({'; '.join(found)}).",
    )


def _titles(row: tuple[str, str], results: Results) -> dict[str, str]:
    method, training_set = row
    return {METHOD: results.title_of(method), SET: results.title_of_set(training_set)}


def _ours(table: Table, rows: Rows, planned: Planned, results: Results) -> Rendered:
    def cell(row: tuple[str, str], column: Column) -> str:
        is_planned = (*row, column.evaluation) in planned
        return _cell(results, row, column) if is_planned else unplanned(results, row, [column])

    cells = [_titles(row, results) | {column.title: cell(row, column) for column in table.columns} for row in rows]
    notes = (f"Mean ± sample standard deviation over seeds (number of seeds). {OF_ONE_SEED}", *table.definitions)
    return Rendered(table.name, table.title, cells, notes, marks(table, rows, results))


def _tolerance(results: Results, table: Table) -> float:
    """The profile's tolerance for a table; one number is used for all.

    Raises:
        InputError: there is none for this table.
    """
    tolerance = results.profile["tolerance"]
    if not isinstance(tolerance, dict):
        return tolerance
    if table.name not in tolerance:
        raise InputError(
            f"The plan's profile {results.profile['name']} has no tolerance for the table {table.name}: add it to the "
            "profile's key tolerance, and give the command python run_all.py again."
        )
    return tolerance[table.name]


def _published_rows(table: Table, row: tuple[str, str], results: Results) -> list[tuple[str, str]]:
    """(method, pretraining set) of the published rows that a row of ours reproduces."""
    method, training_set = row
    on = results.title_of_set(training_set)
    return [(name, on) for name in results.published_as(table.published, method)]


def _literature(results: Results) -> Figures:
    """The published figures that the profile compares with."""
    return read_published(results.tables, TABLES_OF[results.profile.get("published", "paper")])


def _published(figures: Figures, table: Table, row: tuple[str, str], column: Column, results: Results) -> Published:
    if table.published is None or column.published is None:
        return UNKNOWN
    found = (
        figures.get((table.published, name, trained_on, column.published))
        for name, trained_on in _published_rows(table, row, results)
        if (column.published_for is None or name in column.published_for) and name not in column.not_published_for
    )
    return combined([figure for figure in found if figure])


def _beside_the_paper(table: Table, rows: Rows, ours: list[Figure], results: Results, published: Figures) -> Rendered:
    """One line for each figure that the plan measures, then the published rows that no job of the plan reproduces."""
    cells = []
    reproduced_rows: set[tuple[str, str]] = set()
    by_row: dict[tuple[str, str], list[Figure]] = {}
    for figure in ours:
        by_row.setdefault((figure.method, figure.training_set), []).append(figure)
    for row in rows:
        of_row = by_row.get(row, [])
        cells += [_line_of(figure, results) for figure in of_row]
        if of_row:
            reproduced_rows.update(_published_rows(table, row, results))
        else:
            word = unplanned(results, row, table.columns)
            cells.append(_line(_titles(row, results), "all", None, word, "", word))
    cells += _published_only(table, reproduced_rows, published)
    tolerance = _tolerance(results, table)
    notes = (
        f"Ours: mean ± sample standard deviation over seeds (number of seeds). {OF_ONE_SEED} Not "
        "applicable: the method has nothing that could be measured, such as a classifier of ImageNet's classes.",
        "Source of the paper's figure: verified (official repository or the method's paper), secondary (quoted "
        "elsewhere), conflict (sources disagree), missing (not found; it is left unknown).",
        "Difference: ours minus the paper's.",
        f"Verdict: reproduced if the 90% interval of the difference over seeds lies within {tolerance:g} (two "
        f"one-sided tests at 5%), better or worse if the 95% interval lies wholly beyond {tolerance:g} (Holm's "
        "correction within the table), else undecided, with the seeds that would decide if mean and deviation stayed. "
        "One seed has no interval over seeds: it lies within the tolerance, or outside. Published only: a row of the "
        "literature that this profile has no method for.",
        *table.definitions,
        *table.notes,
    )
    return Rendered(table.name, table.title, cells, notes, marks(table, rows, results))


def _line_of(figure: Figure, results: Results) -> dict[str, str]:
    row = (figure.method, figure.training_set)
    return _line(
        _titles(row, results),
        figure.column.title,
        figure.published,
        _cell(results, row, figure.column),
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
    titles = {column.published: column.title for column in reversed(table.columns) if column.published_for != ()}
    return [
        _line({METHOD: method, SET: trained_on}, titles[metric], published, NOT_RUN, "", PUBLISHED_ONLY)
        for (name, method, trained_on, metric), published in figures.items()
        if name == table.published and (method, trained_on) not in reproduced and metric in titles and published.values
    ]


def _shown(published: Published) -> str:
    return " or ".join(f"{value:g}" for value in published.values) or "unknown"


def figures(results: Results) -> list[Figure]:
    """Every figure that the plan measures, measured or not, table by table."""
    published = _literature(results)
    planned = _planned(results)
    compares = results.profile["compares_with"] == "paper"
    rows = list(dict.fromkeys((method, training_set) for method, training_set, _ in planned))
    found: list[Figure] = []
    for table in results.tables:
        of_table = [
            _figure(results, published if compares else {}, table, row, column)
            for column in table.columns
            for row in rows
            if (*row, column.evaluation) in planned
        ]
        if of_table and compares and table.published:
            tolerance = _tolerance(results, table)
            compared = [
                reproduced.Compared(it.published, it.ours, tolerance, it.column.lower_is_better, it.absent or NOT_RUN)
                for it in of_table
            ]
            outcomes = reproduced.outcomes(compared)
            of_table = [replace(it, outcome=outcome) for it, outcome in zip(of_table, outcomes, strict=True)]
        found += of_table
    return found


def _figure(results: Results, published: Figures, table: Table, row: tuple[str, str], column: Column) -> Figure:
    """Without the comparison with the paper, which rests on all figures of a table."""
    values = results.measured.get((*row, column.evaluation, column.metric), {})
    summary = _summary(results.measured, row, column)
    return Figure(
        table=table,
        column=column,
        method=row[0],
        method_title=results.title_of(row[0]),
        training_set=row[1],
        set_title=results.title_of_set(row[1]),
        published=_published(published, table, row, column, results),
        ours=summary,
        own_spread=next((metric.spread for metric in values.values()), None),
        over_images=_interval_over_images(list(values.values())),
        absent=_absent(results, row, column) if summary is None else None,
        convergence=_convergence(values.values()),
        outcome=None,
    )
