"""What the page says, as plain values for its template."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.exhibits import CURVES_FILE
from results.claims import Claim
from results.definitions import METHOD_TITLES, NOT_MEASURED, NOT_RUN, SET_TITLES, TABLES, Table
from results.plan import Results
from results.report import pictures
from results.report.images import exhibited
from results.report.leftovers import EPOCHS, Reliability, read_leftover
from results.report.pictures import Picture
from results.report.runs import absences, anchor, costs, duration, grouped, ranges, trails
from results.schema import first_fault
from results.tables import NOT_CONVERGED, Figure, figures, marks, tested_claims
from results.trail import code_of

MARKS = {
    "holds": ("✓", "good"),
    "reproduced": ("✓", "good"),
    "better": ("▲", "good"),
    "does not hold": ("✗", "bad"),
    "worse": ("▼", "bad"),
    "within tolerance": ("○", "unsure"),
    "outside": ("△", "unsure"),
    "undecided": ("≈", "unsure"),
    "too few seeds": ("…", "unsure"),
    "paper's figure disputed": ("?", "unsure"),
    "paper's figure unknown": ("?", "none"),
    NOT_RUN: ("–", "none"),
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
    def of(cls, word: str, addition: str = "") -> "Verdict":
        return cls(word, *MARKS.get(word, ("·", "none")), addition)


@dataclass(frozen=True)
class Cell:
    """A figure of a table: ours, with the place of its trail, and the paper's beside it.

    ``mark`` stands behind a figure that rests on classifiers that did not converge, ``counted`` says how many.
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
class Line:
    """A figure for every method (None where the plan does not measure it), and the claim about it."""

    title: str
    cells: Sequence[Cell | None]
    difference: str
    interval: str
    claim: Verdict | None


@dataclass(frozen=True)
class Section:
    """A table as the page shows it: one column a method, lines by pretraining set."""

    title: str
    methods: Sequence[str]
    sets: Mapping[str, Sequence[Line]]
    notes: Sequence[str]
    is_claimed: bool


def content_of(results: Results, runs: Path) -> dict[str, Any]:
    """Everything that the template shows, by name."""
    methods = list(dict.fromkeys(job.tags["method"] for job in results.jobs if "method" in job.tags))
    every, claims = figures(results), tested_claims(results)
    groups = grouped(results.jobs)
    problems = list(results.problems)
    return {
        "profile": results.profile["name"],
        "compares": results.profile["compares_with"] == "paper",
        "methods": [(METHOD_TITLES.get(method, method), number % 8) for number, method in enumerate(methods)],
        "sets": [
            SET_TITLES.get(name, name) for name in dict.fromkeys(it.training_set for it in every) if name != "none"
        ],
        "tiles": _tiles(results, claims),
        "forest": pictures.forest(claims),
        "counts": _counts(claims),
        "sections": _sections(results, every, claims),
        "lowshot": pictures.shots([it for it in every if it.table.name == "lowshot"], methods),
        "training": pictures.training(_curves(results, runs, problems), methods),
        "reliability": _reliability(results, methods, problems),
        "detection": pictures.bars([it for it in every if it.table.name == "coco"], methods),
        "gallery": exhibited(results, runs, problems),
        "absent": absences(results, runs, groups),
        "problems": problems,
        "costs": costs(results),
        "trails": trails(results, groups),
        "settings": json.dumps(results.profile, indent=2),
    }


def _tiles(results: Results, claims: Sequence[Claim]) -> list[tuple[str, str, str]]:
    """Title, value and addition of the boxes at the head of the page."""
    seeds = sorted({int(job.tags["seed"]) for job, _ in results.done if {"seed", "method"} <= job.tags.keys()})
    records = results.records.values()
    seconds = sum(record.cost.seconds for record in records)
    gpu_hours = sum(record.cost.gpu_hours for record in records)
    commits = list(dict.fromkeys(code_of(record, digits=10) for record in records))
    tested = [claim for claim in claims if claim.difference]
    holding = sum(claim.verdict == "holds" for claim in tested)
    return [
        (
            "Claims that hold",
            f"{holding} of {len(tested)}" if tested else "none tested",
            "paired by seed, 95% interval",
        ),
        ("Jobs done", f"{len(results.records)} of {len(results.jobs)}", "each with its record"),
        ("Seeds", str(len(seeds)), ranges(seeds)),
        ("Work", duration(seconds), f"{gpu_hours:.1f} GPU-hours" if gpu_hours else "on CPUs alone"),
        ("Code", commits[0] if commits else "none", f"and {len(commits) - 1} more" if commits[1:] else "commit"),
    ]


def _counts(claims: Sequence[Claim]) -> list[tuple[Verdict, int]]:
    words = [claim.verdict for claim in claims]
    return [(Verdict.of(word), words.count(word)) for word in MARKS if word in words]


def _sections(results: Results, every: Sequence[Figure], claims: Sequence[Claim]) -> list[Section]:
    tested = {(it.table.name, it.column.title, it.training_set): it for it in claims}
    compares = results.profile["compares_with"] == "paper"
    sections = []
    for table in TABLES:
        part = [it for it in every if it.table.name == table.name]
        if part and (any(it.ours for it in part) or table.published):
            rows = dict.fromkeys((it.method, it.training_set) for it in part)
            sections.append(_section(table, part, tested, compares, marks(table, rows, results.measured)))
    return sections


def _section(
    table: Table,
    part: Sequence[Figure],
    claims: Mapping[tuple[str, str, str], Claim],
    compares: bool,
    marked: Sequence[str],
) -> Section:
    methods = list(dict.fromkeys(it.method for it in part))
    sets: dict[str, list[Line]] = {}
    for training_set, column in dict.fromkeys((it.training_set, it.column) for it in part):
        alike = {it.method: it for it in part if (it.training_set, it.column) == (training_set, column)}
        claim = claims.get((table.name, column.title, training_set))
        difference = claim.difference if claim else None
        low, high = difference.interval() if difference and difference.n > 1 else (None, None)
        sets.setdefault(SET_TITLES.get(training_set, training_set), []).append(
            Line(
                title=column.title,
                cells=[_cell(alike[method]) if method in alike else None for method in methods],
                difference=_signed(difference.mean) if difference else "",
                interval=f"{_signed(low)} to {_signed(high)}" if low is not None and high is not None else "",
                claim=Verdict.of(claim.verdict) if claim else None,
            )
        )
    return Section(
        table.title,
        [METHOD_TITLES.get(method, method) for method in methods],
        sets,
        (*marked, *table.definitions, *(table.notes if compares else ())),
        any(line.claim for lines in sets.values() for line in lines),
    )


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


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
        verdict=Verdict.of(it.outcome.word, it.outcome.addition) if it.outcome else None,
    )


def _curves(results: Results, runs: Path, problems: list[str]) -> dict[str, list[pictures.Epochs]]:
    """The epochs of every finished pretraining that left them, by method."""
    curves: dict[str, list[pictures.Epochs]] = {}
    for job, _ in results.done:
        if job.tags.get("evaluation") != "pretrain":
            continue
        epochs = read_leftover(runs / job.folder / CURVES_FILE, EPOCHS, problems)
        if epochs is not None:
            curves.setdefault(job.tags["method"], []).append(epochs)
    return curves


def _reliability(results: Results, methods: Sequence[str], problems: list[str]) -> list[Picture]:
    diagrams: dict[str, dict[str, list[Any]]] = {}
    for job, record in results.done:
        found = record.provenance.get("reliability")
        if found and job.figure:
            method, _, evaluation, _ = job.figure
            title = evaluation.removeprefix("robustness-").replace("imagenet-", "ImageNet-").upper()
            title = title.replace("IMAGENET", "ImageNet")
            try:
                bins = Reliability.model_validate(found).model_dump()
            except ValidationError as error:
                problems.append(f"The reliability diagram of {job.name} is damaged ({first_fault(error)}).")
                continue
            diagrams.setdefault(title, {}).setdefault(method, []).append(bins)
    return [pictures.reliability(by_method, title, methods) for title, by_method in diagrams.items()]
