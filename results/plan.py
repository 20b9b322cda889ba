"""A written plan and the records that are there for it: the plan says what figures are of, a record what they are."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, model_validator

from core.declarations import Column, Table, columns_of
from core.errors import InputError
from results.claims_section import Claims
from results.definitions import ROW_HEADINGS, TABLES_OF_CLAIMS
from results.published import TABLES_OF
from results.records import RECORD_FILE, UnusableRecordError, parse_record, read_content
from results.schema import Metric, Record, first_fault, in_a_sentence
from results.seal import KEY, fits, is_as_written, opened

PLAN_FILE = "plan.json"
ERROR_FILE = "error.json"  # what a failed job leaves in its folder, {"kind": ..., "sentence": ...}
OF_A_FIGURE = ("method", "set", "evaluation", "seed")  # tags that every job of a figure has
NAME_OF_A_TABLE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
TRAINING_SETS = "webvision"  # the key of a profile's data that names them
NO_SET = "none"  # the pretraining set of an untrained backbone
SEED = re.compile(r"[0-9]{1,19}")


# (method, set, evaluation, metric) -> seed -> figure
Measured = dict[tuple[str, str, str, str], dict[str, Metric]]


class PlannedJob(BaseModel):
    """A job of the plan.

    Attributes:
        name: such as ``pretrain/mopro/webvision-v1/seed0``.
        stage: id of what it calls.
        identity: hash of all that determines its result.
        folder: relative to the plan's.
        tags: what tables group by.
        needs: names of the jobs it needs, by role.
        lacks: keys of the profile that name data which it needs, itself or through other jobs, and which were not
            there when the plan was written.
    """

    name: str
    stage: str = ""
    identity: str
    folder: str
    tags: dict[str, str]
    needs: dict[str, str] = {}
    lacks: list[str] = []

    @cached_property
    def figure(self) -> tuple[str, ...] | None:
        """What it measures: method, set, evaluation and seed; None where that is no figure of a table."""
        if "evaluation" not in self.tags:
            return None
        return tuple(self.tags[tag] for tag in OF_A_FIGURE)

    @property
    def kind(self) -> str:
        """What its name begins with, such as ``pretrain``."""
        return self.name.split("/")[0]


class Plan(BaseModel):
    """The content of ``plan.json``.

    Attributes:
        profile: resolved.
        arguments: of run_all.py, that gave the profile.
        tables: what there is to show, measured or not.
        possible: method, pretraining set and evaluation of what the profile could measure, planned or not.
        jobs: those with which it is measured, what is needed first.
    """

    profile: dict[str, Any]
    arguments: list[str] = []
    tables: list[Table]
    possible: list[tuple[str, str, str]] = []
    jobs: list[PlannedJob]

    @model_validator(mode="before")
    @classmethod
    def _says_what_tables_there_are(cls, values: Any) -> Any:
        if isinstance(values, dict) and "jobs" in values and "tables" not in values:
            raise ValueError("it does not say which tables there are, as one of an earlier version")
        return values

    @model_validator(mode="after")
    def _is_consistent(self) -> "Plan":
        _check_profile(self.profile)
        check_tables(self.tables)
        _check_claims(self.profile, self.tables)
        names: set[str] = set()
        folders: set[str] = set()
        for job in self.jobs:
            _check_job(job, names)
            if job.name in names or job.folder in folders:
                raise ValueError(f"{job.name} or its folder {job.folder} appears twice")
            names.add(job.name)
            folders.add(job.folder)
        return self


def _check_profile(profile: dict[str, Any]) -> None:
    """Whether the profile says what tables ask it."""
    if not isinstance(profile.get("name"), str):
        raise ValueError("the profile has no name")
    if profile.get("compares_with") not in ("paper", "claims"):
        raise ValueError("the profile's compares_with is neither paper nor claims")
    if profile.get("published", "paper") not in [*TABLES_OF]:
        raise ValueError(f"the profile's published is none of {', '.join(TABLES_OF)}")
    for key in ("methods", "resources"):
        section = profile.get(key, {})
        if not isinstance(section, dict) or not all(isinstance(entry, dict) for entry in section.values()):
            raise ValueError(f"the profile's {key} are no settings by name")
    if not isinstance(profile.get("evaluate", {}), dict):
        raise ValueError("the profile's evaluate is no section")
    _check_set_titles(profile)
    for name, method in profile.get("methods", {}).items():
        if not _is_row(method):
            raise ValueError(
                f"the title of the profile's method {in_a_sentence(name)}, or its published rows, are no names"
            )
    tolerance = profile.get("tolerance")
    numbers = list(tolerance.values()) if isinstance(tolerance, dict) else [tolerance]
    if profile["compares_with"] == "paper" and not all(_is_amount(number) for number in numbers):
        raise ValueError("the profile's tolerance is no number, and no number for each table")


def _check_set_titles(profile: dict[str, Any]) -> None:
    """Whether what tables call a pretraining set is text."""
    data = profile.get("data", {})
    sets = data.get(TRAINING_SETS, {}) if isinstance(data, dict) else None
    if not isinstance(sets, dict) or not all(isinstance(section, dict) for section in sets.values()):
        raise ValueError("the profile's data.webvision are no settings by name")
    titles = [section.get("title") for section in sets.values()]
    titles += [method.get("pretrained_on") for method in profile.get("methods", {}).values()]
    for title in titles:
        if title is not None and not isinstance(title, str):
            raise ValueError(f"the profile has {in_a_sentence(title)!r} for the title of a pretraining set")


def check_tables(tables: Sequence[Table]) -> None:
    """Whether files can be called by their names, and tables, columns and figures be told apart.

    Raises:
        ValueError: they cannot.
    """
    for table in tables:
        if not NAME_OF_A_TABLE.fullmatch(table.name):
            raise ValueError(f"no file can be called by the name of the table {in_a_sentence(table.name)!r}")
        if table.name in TABLES_OF_CLAIMS:
            raise ValueError(f"the table {table.name} would be that of the claims: give it another name")
        _check_headings(table)
    for what, names in (
        ("table", [table.name for table in tables]),
        ("figure", [f"{column.evaluation}/{column.metric}" for table in tables for column in table.columns]),
    ):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the {what} {in_a_sentence(twice)} appears twice")


def _check_headings(table: Table) -> None:
    """Whether every column has one heading, which no other column has."""
    if not table.columns:
        raise ValueError(f"the table {table.name} has no columns: give it one for each figure")
    headings = [*ROW_HEADINGS]
    for title in (table.title, *(column.title for column in table.columns)):
        if not title.strip() or not title.isprintable():
            raise ValueError(f"the table {table.name} has the title or heading {in_a_sentence(title)!r}, expected text")
    for column in table.columns:
        if not column.metric:
            raise ValueError(f"the column {column.title!r} of the table {table.name} names no metric: name one")
        if column.title in headings:
            raise ValueError(
                f"the table {table.name} has two columns {column.title!r}, of which one figure would hide the other: "
                "give one of them another title"
            )
        headings.append(column.title)


def _check_claims(profile: dict[str, Any], tables: Sequence[Table]) -> None:
    try:
        claims = _claims_of(profile)
        if claims is not None:
            claims.require_figures(columns_of(tables))
    except ValidationError as error:
        raise ValueError(f"the profile's claims: {first_fault(error)}") from None
    except ValueError as error:
        raise ValueError(f"the profile's claims: {error}") from None


def _is_row(method: dict[str, Any]) -> bool:
    """Whether what tables call a method is text."""
    published = method.get("published", {})
    texts = [method.get("title") or ""]
    if isinstance(published, dict):
        texts += [name for names in published.values() for name in (names if isinstance(names, list) else [None])]
    return isinstance(published, dict) and all(isinstance(text, str) for text in texts)


def _claims_of(profile: dict[str, Any]) -> Claims | None:
    section = profile.get("claims")
    return None if section is None else Claims.model_validate(section)


def _is_amount(number: object) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < math.inf


def _check_job(job: PlannedJob, before: set[str]) -> None:
    texts = (job.name, job.identity, job.folder, *job.tags.values(), *job.lacks)
    if not all(text and text.isprintable() for text in texts):
        raise ValueError(
            f"a name, folder, identity, tag or key of the job {in_a_sentence(job.name)!r} is empty or cannot be printed"
        )
    if job.folder.startswith("/") or not {"", ".", ".."}.isdisjoint(job.folder.split("/")):
        raise ValueError(f"the folder {job.folder} of {job.name} is not one below the plan's")
    if "evaluation" in job.tags and not all(tag in job.tags for tag in OF_A_FIGURE):
        raise ValueError(f"the tags of {job.name} do not say of which method, set and seed its figure is")
    if "seed" in job.tags and not SEED.fullmatch(job.tags["seed"]):
        raise ValueError(f"the seed {job.tags['seed']} of {job.name} is no number")
    for needed in job.needs.values():
        if needed not in before:
            raise ValueError(f"{job.name} needs {in_a_sentence(needed)}, which does not come before it")


@dataclass(frozen=True)
class Results:
    """The records of one reproduction.

    Attributes:
        profile: resolved, as it was planned last.
        tables: of that plan.
        jobs: of that plan, in its order.
        records: by the names of the finished ones among them; records of earlier plans are left out.
        left_out: for every job whose record is there and was left out, why.
        arguments: of run_all.py, that gave the profile.
        digest: of the plan and of every record, byte by byte.
        possible: method, pretraining set and evaluation of what the profile could measure, planned or not; of plans of
            earlier versions nothing.
    """

    profile: dict[str, Any]
    tables: list[Table]
    jobs: list[PlannedJob]
    records: dict[str, Record]
    left_out: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    digest: str = ""
    possible: frozenset[tuple[str, str, str]] = frozenset()

    @cached_property
    def done(self) -> list[tuple[PlannedJob, Record]]:
        """The finished jobs with their records."""
        return [(job, self.records[job.name]) for job in self.jobs if job.name in self.records]

    @cached_property
    def missing(self) -> list[str]:
        """Names of the jobs that have no record, or none that can be used."""
        return [job.name for job in self.jobs if job.name not in self.records]

    @cached_property
    def problems(self) -> list[str]:
        """Why records were left out, each reason once."""
        return list(dict.fromkeys(self.left_out.values()))

    @cached_property
    def claims(self) -> Claims | None:
        """What the profile claims; None where that is nothing."""
        return _claims_of(self.profile)

    def title_of(self, method: str) -> str:
        """A method as it is printed: by the profile's title, or else by its name."""
        return self.profile.get("methods", {}).get(method, {}).get("title") or method

    def published_as(self, table: str | None, method: str) -> list[str]:
        """The names under which a method's row of a published table is published; none where it has none."""
        return self.profile.get("methods", {}).get(method, {}).get("published", {}).get(table, [])

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Every figure of the tables, by evaluation and metric."""
        return columns_of(self.tables)

    def title_of_figure(self, figure: str) -> str:
        """A figure, named by evaluation and metric, as it is printed apart from its table."""
        title = self.columns[figure].title
        is_unique = [it.title for it in self.columns.values()].count(title) == 1
        return title if is_unique else f"{title} ({figure})"

    @cached_property
    def _set_titles(self) -> dict[str, str]:
        """Of the pretraining sets, by name: those of the profile, and what released checkpoints were pretrained on."""
        sets, methods = self.profile.get("data", {}).get(TRAINING_SETS, {}), self.profile.get("methods", {})
        titles = {name: section["title"] for name, section in sets.items() if section.get("title")}
        for job in self.jobs:
            on = methods.get(job.tags.get("method"), {}).get("pretrained_on")
            if on and job.figure:
                titles.setdefault(job.tags["set"], on)
        return {NO_SET: "-"} | titles

    def title_of_set(self, training_set: str) -> str:
        """A pretraining set as it is printed: by its title, or else by its name."""
        return self._set_titles.get(training_set, training_set)

    @cached_property
    def measured(self) -> Measured:
        """All figures, by (method, set, evaluation, metric) and seed."""
        measured: Measured = {}
        for job, record in self.done:
            if job.figure is None:
                continue
            method, training_set, evaluation, seed = job.figure
            for name, metric in record.metrics.items():
                measured.setdefault((method, training_set, evaluation, name), {})[seed] = metric
        return measured

    @cached_property
    def evaluated(self) -> set[tuple[str, ...]]:
        """(method, set, evaluation) of the finished jobs of figures."""
        return {job.figure[:3] for job, _ in self.done if job.figure}

    @cached_property
    def lacking(self) -> dict[tuple[str, ...], list[str]]:
        """What data there were none of, by (method, set, evaluation) of the figures that were not measured."""
        jobs = [job for job in self.jobs if job.figure and job.lacks]
        return {job.figure[:3]: job.lacks for job in jobs if job.figure and job.figure[:3] not in self.evaluated}

    @cached_property
    def sets_of(self) -> dict[str, list[str]]:
        """The pretraining sets of which the plan has figures, by method."""
        found: dict[str, dict[str, None]] = {}
        for job in self.jobs:
            if job.figure:
                method, training_set, *_ = job.figure
                found.setdefault(method, {})[training_set] = None
        return {method: list(sets) for method, sets in found.items()}

    @cached_property
    def planned(self) -> dict[str, PlannedJob]:
        """The jobs by name."""
        return {job.name: job for job in self.jobs}


def read_results(runs: Path) -> Results:
    """Read the plan in ``runs`` and every record that belongs to it.

    A record that cannot be used is named and left out; so are two that are of the same figure.

    Raises:
        InputError: there is no plan, or it is damaged or was edited.
    """
    content = _plan_in(runs)
    digest = hashlib.sha256(content)
    plan = _parsed(content, runs / PLAN_FILE)
    found, left_out = _usable(plan.jobs, runs, digest.update)
    _leave_out_duplicates(plan.jobs, found, left_out)
    possible = frozenset(plan.possible)
    return Results(plan.profile, plan.tables, plan.jobs, found, left_out, plan.arguments, digest.hexdigest(), possible)


def read_failure(runs: Path, job: PlannedJob) -> str | None:
    """The sentence that a failed job left in its folder, or None."""
    try:
        return str(json.loads((runs / job.folder / ERROR_FILE).read_text())["sentence"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _plan_in(runs: Path) -> bytes:
    path = runs / PLAN_FILE
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{runs} holds no {PLAN_FILE}: run the profile first, with python run_all.py.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): make it a readable file.") from None


def _parsed(content: bytes, path: Path) -> Plan:
    """The plan in a file; one without a digest, as earlier versions wrote it, is taken as it is."""
    anew = "write it anew, with the command python run_all.py that wrote it"
    try:
        if not is_as_written(content):
            found = opened(content)
            if KEY in found and not fits(found):
                raise InputError(f"{path} was edited after it was written: {anew}.")
        return Plan.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{path} is damaged ({first_fault(error)}): {anew}.") from None
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): {anew}.") from None


def _usable(
    jobs: Sequence[PlannedJob], runs: Path, seen: Callable[[bytes], None]
) -> tuple[dict[str, Record], dict[str, str]]:
    """Records by job, and what is wrong with the others; ``seen`` is called with every record's bytes."""
    found, left_out = {}, {}
    for job in jobs:
        place = f"{runs}/{job.folder}/{RECORD_FILE}"
        try:
            content = read_content(place)
            if content is not None:
                seen(content)
                found[job.name] = parse_record(content, place, job.identity)
        except UnusableRecordError as error:
            left_out[job.name] = error.sentence
    return found, left_out


def _leave_out_duplicates(jobs: Sequence[PlannedJob], found: dict[str, Record], left_out: dict[str, str]) -> None:
    """Take out all records of a figure that more than one job of the plan measures."""
    by_figure: dict[tuple[str, ...], list[PlannedJob]] = {}
    for job in jobs:
        if job.figure and job.name in found:
            by_figure.setdefault(job.figure, []).append(job)
    for figure, claiming in by_figure.items():
        if len(claiming) > 1:
            problem = (
                f"The records {' and '.join(f'{job.folder}/{RECORD_FILE}' for job in claiming)} are both of "
                f"{'/'.join(figure)}: change the profile so that it plans one job for it."
            )
            for job in claiming:
                del found[job.name]
                left_out[job.name] = problem
