"""Recomputes the figures of records from what was kept for every image, without torch, and says which differ."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metrics.measures import MEASURES, intervals_over_images
from results.outputs import AlteredOutputError, are_left_out, read_output
from results.plan import Results
from results.schema import Metric, Output, Record
from results.tables import build_tables

ROUNDING = 1e-9  # by which another machine's sums may differ

NOTHING_KEPT = "nothing is kept of which it could be computed"
LEFT_OUT = "the outputs that records name are not here: records alone were packed"


@dataclass(frozen=True)
class Rescored:
    """What became of the figures of all records.

    Attributes:
        equal: how many were recomputed and are what the records say.
        records: how many records they are of.
        differences: a sentence for each figure that is not, and for each output that was altered.
        not_recomputed: for each reason, the names of such figures by stage, and how many there are.
        tables: for each table of the plan, whether recomputed figures give it to the last printed digit.
    """

    equal: int
    records: int
    differences: list[str]
    not_recomputed: Mapping[str, Mapping[str, int]]
    tables: Mapping[str, bool]

    @property
    def is_well(self) -> bool:
        """Whether nothing differs."""
        return not self.differences and all(self.tables.values())

    def __str__(self) -> str:
        lines = [f"{self.equal:,} figures of {self.records:,} records are equal to what their outputs give."]
        for is_equal, said in ((True, "equal to the last printed digit"), (False, "NOT equal")):
            named = [name for name, found in self.tables.items() if found is is_equal]
            lines += [f"Tables {said}: {', '.join(named)}."] if named else []
        for reason, figures in self.not_recomputed.items():
            lines.append(f"Not recomputed, as {reason}:")
            lines += [f"  {name} ({count})" for name, count in figures.items()]
        return "\n".join([*lines, *(f"Differs: {difference}" for difference in self.differences)])


def rescore(results: Results, runs: Path) -> Rescored:
    """Recompute every figure of every record in ``runs`` that has outputs for it."""
    equal, records = 0, 0
    differences: list[str] = []
    not_recomputed: dict[str, dict[str, int]] = {}
    anew: dict[str, Record] = {}
    left_out = are_left_out(results, runs)
    for job, record in results.done:
        if left_out and record.outputs:
            found, reasons, altered = Recomputed(), dict.fromkeys(record.metrics, LEFT_OUT), list[str]()
        else:
            found, reasons, altered = _recomputed(record, runs / job.folder)
        differences += altered
        metrics = dict(record.metrics)
        for name, metric in record.metrics.items():
            if name not in found:
                names = not_recomputed.setdefault(reasons.get(name, NOTHING_KEPT), {})
                names[f"{record.stage}: {name}"] = names.get(f"{record.stage}: {name}", 0) + 1
                continue
            metrics[name] = metric.model_copy(update=found[name])
            told = _difference(metric, metrics[name])
            equal += told is None
            differences += [f"{job.name}: {name} is {told}."] if told else []
        records += bool(found)
        anew[job.name] = record.model_copy(update={"metrics": metrics})
    tables = {
        ours.name: (ours.cells, ours.marks) == (theirs.cells, theirs.marks)
        for ours, theirs in zip(build_tables(results), build_tables(replace(results, records=anew)), strict=True)
    }
    return Rescored(equal, records, differences, not_recomputed, tables)


Recomputed = dict[str, dict[str, Any]]  # by figure, what its output gives


def _recomputed(record: Record, folder: Path) -> tuple[Recomputed, dict[str, str], list[str]]:
    """The figures that outputs give; why others are not given, by name; what is wrong with the outputs."""
    found: Recomputed = {}
    reasons: dict[str, str] = {}
    altered: list[str] = []
    for name, output in (record.outputs or {}).items():
        try:
            columns = read_output(folder, output)
        except AlteredOutputError as error:
            altered.append(error.sentence)
            reasons |= dict.fromkeys(record.metrics, "an output of its job was altered")
            continue
        reason = _cannot(output)
        if reason:
            reasons |= dict.fromkeys(record.metrics, reason)
            continue
        assert output.measure is not None
        try:
            figures = MEASURES[output.measure].figures(columns)
            intervals = intervals_over_images(output.measure, columns, figures)
        except Exception as error:  # whatever a file makes of a measure that holds other columns than it asks for
            altered.append(f"{record.name}: its output {name} has no such figures ({type(error).__name__}: {error}).")
            continue
        found |= {of: figure | intervals.get(of, {}) for of, figure in figures.items()}
    return found, reasons, altered


def _cannot(output: Output) -> str | None:
    """Why no figure can be computed from an output; None where one can."""
    if output.measure is None:
        return "its outputs don't say how"
    if output.measure not in MEASURES:
        return f"this version of the code does not know the measure {output.measure}"
    missing = MEASURES[output.measure].missing
    return f"{' and '.join(missing)} would have to be installed" if missing else None


def _difference(recorded: Metric, recomputed: Metric) -> str | None:
    """In words; None where there is none but rounding."""
    for what, before, after in _parts(recorded, recomputed):
        if (before is None) != (after is None) or (
            before is not None and not math.isclose(before, after, rel_tol=ROUNDING, abs_tol=ROUNDING)
        ):
            return f"{before} in its record, {after} by its outputs" + (f" ({what})" if what else "")
    return None


def _parts(recorded: Metric, recomputed: Metric) -> Iterator[tuple[str, Any, Any]]:
    yield "", recorded.value, recomputed.value
    yield "number of samples", recorded.n, recomputed.n
    yield "spread", recorded.spread, recomputed.spread
    if recorded.interval is not None:
        low, high = recomputed.interval or (None, None)
        yield "lower end of the interval", recorded.interval[0], low
        yield "upper end of the interval", recorded.interval[1], high
