"""What the page says, as plain values for its template."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.declarations import Table
from core.exhibits import CURVES_FILE
from results.claim_tables import ClaimTable, tables_of_claims
from results.claims import NO_DIFFERENCE, NO_VERDICT, NOT_TESTED, UNDECIDED
from results.copies import differing_copies
from results.definitions import CLAIMS, GAIN, NO_DATA, NOT_MEASURED, NOT_RUN, SET, SINGLE_FIGURES
from results.gain import steps_of_gain
from results.outcome import Outcome
from results.plan import NO_SET, Results
from results.report import pictures
from results.report.images import exhibited
from results.report.pictures import Picture
from results.report.runs import absences, anchor, costs, duration, grouped, ranges, trails
from results.report.stage_outputs import EPOCHS, Reliability, read_stage_output
from results.schema import first_fault
from results.tables import NOT_CONVERGED, Figure, figures, marks, unplanned
from results.tested import Line, tested
from results.trail import code_of

MARKS = {
    "holds": ("✓", "good"),
    "reproduced": ("✓", "good"),
    "better": ("▲", "good"),
    "does not hold": ("✗", "bad"),
    "worse": ("▼", "bad"),
    "within tolerance": ("○", "unsure"),
    "outside": ("△", "unsure"),
    NO_DIFFERENCE: ("=", "unsure"),
    UNDECIDED: ("≈", "unsure"),
    NO_VERDICT: ("…", "unsure"),
    NOT_TESTED: ("–", "none"),
    "paper's figure disputed": ("?", "unsure"),
    "paper's figure unknown": ("?", "none"),
    NOT_RUN: ("–", "none"),
    NO_DATA: ("–", "none"),
    NOT_MEASURED: ("–", "none"),
}


@dataclass(frozen=True)
class Verdict:
    """A verdict by word, mark and colour (a class of the style sheet), and what is added to it."""

    word: str
    mark: str
    look: str
    addition: str = ""

    @classmethod
    def of(cls, outcome: Outcome) -> "Verdict":
        return cls(outcome.word, *MARKS.get(outcome.word, ("·", "none")), outcome.addition)


@dataclass(frozen=True)
class Cell:
    """A figure of a table: ours, with the place of its trail, and the paper's beside it.

    ``mark`` follows a figure that rests on classifiers that did not converge, ``counted`` says how many.
    """

    mean: str
    spread: str
    n: int
    mark: str
    counted: str
    trail: str
    paper: str
    source: str
    verdict: Verdict | None


@dataclass(frozen=True)
class FigureLine:
    """A figure for every method (a word where the plan does not measure it)."""

    title: str
    cells: Sequence[Cell | str]


@dataclass(frozen=True)
class Section:
    """A table as the page shows it: one column a method, lines by pretraining set."""

    title: str
    methods: Sequence[str]
    sets: Mapping[str, Sequence[FigureLine]]
    notes: Sequence[str]


@dataclass(frozen=True)
class Drawn:
    """The pictures of a table."""

    title: str
    caption: str
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Comparisons:
    """A table of claims as the page shows it; a cell is a text or a verdict."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str | Verdict]]
    notes: Sequence[str]


def content_of(results: Results, runs: Path) -> dict[str, Any]:
    """Everything that the template shows, by name."""
    named = dict.fromkeys(job.tags["method"] for job in results.jobs if "method" in job.tags)
    methods = {method: results.title_of(method) for method in named}
    every, lines, steps = figures(results), tested(results), steps_of_gain(results)
    claims = [line for line in lines if line.figure is None]
    comparisons = {table.name: _comparisons(table) for table in tables_of_claims(results)}
    groups = grouped(results.jobs)
    problems = list(results.problems)
    return {
        "profile": results.profile["name"],
        "compares": results.profile["compares_with"] == "paper",
        "methods": [(title, number % 8) for number, title in enumerate(methods.values())],
        "sets": list(dict.fromkeys(it.set_title for it in every if it.training_set != NO_SET)),
        "tiles": _tiles(results, claims),
        "claims": comparisons.get(CLAIMS),
        "single_figures": comparisons.get(SINGLE_FIGURES),
        "gain": comparisons.get(GAIN),
        "forest": pictures.forest(claims),
        "steps": pictures.gain(steps, methods),
        "counts": _counts(claims),
        "sections": _sections(results, every),
        "curves": _drawn(results, every, "curves", methods),
        "training": pictures.training(_curves(results, runs, problems), methods),
        "reliability": _reliability(results, methods, problems),
        "bars": _drawn(results, every, "bars", methods),
        "gallery": exhibited(results, runs, problems),
        "absent": absences(results, runs, groups),
        "problems": problems,
        "copies": differing_copies(results),
        "costs": costs(results),
        "trails": trails(results, groups),
        "settings": json.dumps(results.profile, indent=2),
    }


def _tiles(results: Results, claims: Sequence[Line]) -> list[tuple[str, str, str]]:
    """Title, value and addition of the boxes at the head of the page."""
    seeds = sorted({int(job.tags["seed"]) for job, _ in results.done if {"seed", "method"} <= job.tags.keys()})
    records = results.records.values()
    seconds = sum(record.cost.seconds for record in records)
    gpu_hours = sum(record.cost.gpu_hours for record in records)
    commits = list(dict.fromkeys(code_of(record, digits=10) for record in records))
    return [
        ("Claims that hold", _holding(claims), "against every baseline"),
        ("Jobs done", f"{len(results.records)} of {len(results.jobs)}", "each with its record"),
        ("Seeds", str(len(seeds)), ranges(seeds)),
        ("Work", duration(seconds), f"{gpu_hours:.1f} GPU-hours" if gpu_hours else "on CPUs alone"),
        ("Code", commits[0] if commits else "none", f"and {len(commits) - 1} more" if commits[1:] else "commit"),
    ]


def _holding(claims: Sequence[Line]) -> str:
    """How many claims hold against all their baselines, of those whose every comparison has a verdict."""
    words: dict[tuple[str, str, str], list[str]] = {}
    for line in claims:
        words.setdefault((line.training_set, line.better, line.claim), []).append(line.outcome.word)
    judged = [one for one in words.values() if not {NOT_RUN, NO_VERDICT} & set(one)]
    return f"{sum(set(one) == {'holds'} for one in judged)} of {len(judged)}" if judged else "no verdict"


def _counts(claims: Sequence[Line]) -> list[tuple[Verdict, int]]:
    words = [line.outcome.word for line in claims]
    return [(Verdict.of(Outcome(word)), words.count(word)) for word in MARKS if word in words]


def _comparisons(table: ClaimTable) -> Comparisons:
    """Without the pretraining set, where there is only one: the head of the page names it."""
    headers = [header for header in table.rows[0] if header != SET or len({row[SET] for row in table.rows}) > 1]
    rows = [[_compared(row[header]) for header in headers] for row in table.rows]
    return Comparisons(table.title, headers, rows, [_minus(note) for note in table.notes])


def _compared(cell: str | Outcome) -> str | Verdict:
    return Verdict.of(cell) if isinstance(cell, Outcome) else _minus(cell)


def _sections(results: Results, every: Sequence[Figure]) -> list[Section]:
    sections = []
    for table in results.tables:
        part = [it for it in every if it.table.name == table.name]
        if part and (any(it.ours for it in part) or table.published):
            rows = dict.fromkeys((it.method, it.training_set) for it in part)
            sections.append(_section(table, part, results, marks(table, rows, results)))
    return sections


DRAWN = {"curves": pictures.curves, "bars": pictures.bars}


def _drawn(results: Results, every: Sequence[Figure], kind: str, methods: Mapping[str, str]) -> list[Drawn]:
    """The tables that are drawn in one way, with their pictures; without those of which nothing was measured."""
    found = []
    for table in results.tables:
        if table.picture == kind:
            drawn = DRAWN[kind]([it for it in every if it.table.name == table.name], methods)
            found += [Drawn(table.title, table.caption, drawn)] if drawn else []
    return found


def _section(table: Table, part: Sequence[Figure], results: Results, marked: Sequence[str]) -> Section:
    methods = {it.method: it.method_title for it in part}
    sets: dict[str, list[FigureLine]] = {}
    for training_set, column in dict.fromkeys((it.training_set, it.column) for it in part):
        alike = {it.method: it for it in part if (it.training_set, it.column) == (training_set, column)}
        cells = [
            _cell(alike[method]) if method in alike else unplanned(results, (method, training_set), [column])
            for method in methods
        ]
        line = FigureLine(column.title, cells)
        sets.setdefault(next(iter(alike.values())).set_title, []).append(line)
    return Section(
        table.title,
        list(methods.values()),
        sets,
        (*marked, *table.definitions, *(table.notes if results.profile["compares_with"] == "paper" else ())),
    )


def _minus(text: str) -> str:
    """With a minus sign that matches a plus."""
    return re.sub(r"(?<!\w)-(?=[0-9])", "−", text)


def _cell(it: Figure) -> Cell:
    fits = it.convergence
    return Cell(
        mean=f"{it.ours.mean:.2f}" if it.ours else it.absent or NOT_RUN,
        spread=f"{it.spread:.2f}" if it.ours and it.spread is not None else "",
        n=it.ours.n if it.ours else 0,
        mark=NOT_CONVERGED if it.has_not_converged else "",
        counted=f"{fits.not_converged} of {fits.fitted} SVMs did not converge" if fits else "",
        trail=anchor("/".join((it.column.evaluation, it.method, it.training_set))),
        paper=" or ".join(f"{value:g}" for value in it.published.values),
        source=it.published.status,
        verdict=Verdict.of(it.outcome) if it.outcome else None,
    )


def _curves(results: Results, runs: Path, problems: list[str]) -> dict[str, list[pictures.Epochs]]:
    """The epochs of every finished pretraining that left them, by method."""
    curves: dict[str, list[pictures.Epochs]] = {}
    for job, _ in results.done:
        if job.tags.get("evaluation") != "pretrain":
            continue
        epochs = read_stage_output(runs / job.folder / CURVES_FILE, EPOCHS, problems)
        if epochs is not None:
            curves.setdefault(job.tags["method"], []).append(epochs)
    return curves


def _reliability(results: Results, methods: Mapping[str, str], problems: list[str]) -> list[Picture]:
    """The reliability diagrams that records hold, one picture for each data set."""
    data_sets = {column.evaluation: column.on for column in results.columns.values()}
    diagrams: dict[str, dict[str, list[Any]]] = {}
    for job, record in results.done:
        found = record.provenance.get("reliability")
        if found and job.figure:
            method, _, evaluation, _ = job.figure
            try:
                bins = Reliability.model_validate(found).model_dump()
            except ValidationError as error:
                problems.append(f"The reliability diagram of {job.name} is damaged ({first_fault(error)}).")
                continue
            diagrams.setdefault(evaluation, {}).setdefault(method, []).append(bins)
    return [
        pictures.reliability(by_method, data_sets.get(evaluation) or evaluation, methods)
        for evaluation, by_method in diagrams.items()
    ]
