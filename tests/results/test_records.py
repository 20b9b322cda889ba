"""Records on disk: sealed, read as they were written, refused by name otherwise; older ones; what the plan decides."""

import inspect
import json
import math
import re
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from results import schema
from results.__main__ import main
from results.plan import PLAN_FILE, read_results
from results.provenance import identities
from results.records import RECORD_FILE, UnusableRecordError, read_record, write_record
from results.report.writing import write_report
from results.schema import Metric
from results.seal import sealed
from tests.support import REPOSITORY
from tests.support.declared import DATA
from tests.support.declared import PLANNED as PLANNED_TABLES
from tests.support.result_runs import a_record, write_job

TAGS = {"method": "mopro", "set": "webvision-v1", "seed": "0", "evaluation": "accuracy-webvision"}


def a_job(runs: Path, **changes) -> dict:
    """A plan of one job, and its record; gives the job's entry."""
    job = write_job(runs, "accuracy-webvision", "mopro", 0, {"top1": 66.0, "top5": 90.0}, **changes)
    profile = {"name": "one", "compares_with": "claims", "tolerance": 0.5, "data": DATA}
    (runs / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED_TABLES, "jobs": [job]}))
    return job


def change_record(path: Path, change, seals: bool = False) -> None:
    """Change a record's content, as an editor would, or as a program that seals it anew would."""
    content = json.loads(path.read_text())
    change(content)
    if seals:
        del content["digest"]
        path.write_text(sealed(content))
    else:
        path.write_text(json.dumps(content, indent=2) + "\n")


def test_what_is_written_is_read(tmp_path):
    record = a_record("job", TAGS, {"top1": 66.1}, spread=0.1, config={"rate": 1e-7, "path": "caf\udce9", "list": (1,)})
    write_record(record, tmp_path)
    read = read_record(tmp_path, "job")
    assert read.model_dump(exclude={"digest"}) == record.model_dump(exclude={"digest"})
    assert read.config == {"rate": 1e-7, "path": "caf\\udce9", "list": [1]}


@pytest.mark.parametrize(
    "again",
    [
        lambda content: json.dumps(content),
        lambda content: json.dumps(content, indent="\t").replace("\n", "\r\n"),
        lambda content: "\ufeff" + json.dumps(content, indent=4, ensure_ascii=False),
    ],
)
def test_spaces_and_line_breaks_are_no_edit(tmp_path, again):
    write_record(a_record("job", TAGS, {"top1": 66.1}, config={"name": "é"}), tmp_path)
    path = tmp_path / RECORD_FILE
    before = read_record(tmp_path, "job")
    path.write_text(again(json.loads(path.read_text())))
    assert read_record(tmp_path, "job") == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: "", "is damaged (not JSON)"),
        (lambda text: text[:100], "is damaged (not JSON)"),
        (lambda text: "[]", "is damaged (not a JSON object)"),
        (lambda text: "[" * 100_000, "is damaged (nested too deeply)"),
        (lambda text: text.replace('"schema_version": 2', '"schema_version": 0'), "was edited after it was written"),
        (lambda text: text.replace("66.0", "99.9"), "was edited after it was written"),
        (lambda text: text.replace("66.0", "250"), "was edited after it was written"),
        (lambda text: text.replace("66.0", "NaN"), "is damaged (it holds a number that is not finite)"),
        (lambda text: text.replace("66.0", "1e999"), "is damaged (it holds a number that is not finite)"),
        (lambda text: text.replace('"seed": "0"', '"seed": "1"'), "was edited after it was written"),
        (lambda text: re.sub(r'"digest": "..', '"digest": "zz', text), "was edited after it was written"),
        (lambda text: re.sub(r',\s*"digest": "[^"]+"', "", text), "was edited after it was written"),
        (lambda text: text.replace('"seconds": 0.0', '"seconds": 0.0, "seconds": 1.0'), "was edited after it was"),
    ],
)
def test_a_record_that_was_changed_is_named_and_left_out(tmp_path, capsys, change, said):
    job = a_job(tmp_path)
    path = tmp_path / job["folder"] / RECORD_FILE
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
    results = read_results(tmp_path)
    assert results.missing == [job["name"]]
    (problem,) = results.problems
    assert problem.startswith(f"The record {path} {said}") and "\n" not in problem
    assert main(["tables", str(tmp_path)]) == 0
    assert f"Left out: {problem}" in capsys.readouterr().out
    write_report(results, tmp_path)
    assert said in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it["metrics"]["top1"].update(value=250), "(metrics: top1 is 250 %, and a percentage lies between"),
        (lambda it: it["metrics"]["top1"].update(value="high"), "(metrics.top1.value: input should be a valid number"),
        (lambda it: it["metrics"]["top1"].update(n=0), "(metrics.top1.n: input should be greater than 0, found 0)"),
        (lambda it: it["metrics"]["top1"].update(spread=-1), "(metrics.top1.spread: input should be greater than or"),
        (lambda it: it.update(metrics={}), "(metrics: dictionary should have at least 1 item"),
        (lambda it: it.update(extra=1), "(extra: extra inputs are not permitted"),
        (lambda it: it.pop("cost"), "(cost: field required)"),
        (
            lambda it: it.update(identity="other"),
            "is of another job (accuracy-webvision/mopro/webvision-v1/s",
        ),
        (lambda it: it.update(schema_version=3), "has schema version 3, and this code reads 1 and 2: read it with"),
    ],
)
def test_a_sealed_record_that_cannot_be_right_is_named_and_left_out(tmp_path, change, said):
    job = a_job(tmp_path)
    change_record(tmp_path / job["folder"] / RECORD_FILE, change, seals=True)
    (problem,) = read_results(tmp_path).problems
    assert said in problem


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_record_never_holds_what_is_not_finite(tmp_path, bad):
    for changes in ({"config": {"a": [1, {"b": bad}]}}, {"provenance": {"history": {3: bad}}}):
        with pytest.raises(ValidationError, match="no finite number"):
            a_record("job", TAGS, {"top1": 1.0}, **changes)
    for field in ("value", "spread"):
        with pytest.raises(ValidationError, match="finite number"):
            Metric.model_validate({"value": 1.0, "unit": "images", "n": 1} | {field: bad})
    with pytest.raises(ValidationError, match="finite number"):
        a_record("job", TAGS, {"top1": 1.0}, cost={"seconds": bad, "gpu_hours": 0})


def test_fingerprints_stand_apart_from_what_else_a_stage_says():
    fingerprint = {"images": 3, "classes": 2, "sha256": "ab"}
    said = {
        "voc07": {"test": fingerprint | {"full_sha256": "cd", "present_classes": 1}},
        "imagenet": fingerprint | {"unheard_of": 5},
        "list": {"images": 3, "sha256": "ef"},
        "nothing": {},
    }
    data, rest = identities(said)
    known = {name: split.model_dump(exclude_none=True) for name, split in data.items()}
    plain = {"images": 3, "classes": 2, "names_sha256": "ab"}
    assert known == {"voc07.test": plain | {"full_sha256": "cd", "present_classes": 1}, "imagenet": plain}
    assert rest == {"imagenet": {"unheard_of": 5}, "list": said["list"], "nothing": {}}


VERSION_1 = {
    "schema_version": 1,
    "name": "accuracy-webvision/mopro/webvision-v1/seed0",
    "identity": "accuracy-webvision/mopro/webvision-v1/seed0",
    "stage": "pretrain.accuracy:run",
    "tags": TAGS,
    "seed": 0,
    "config": {"crop": 28},
    "inputs": {"checkpoint": "abc"},
    "metrics": {"top1": {"value": 71.5, "unit": "%", "n": 41, "spread": None}},
    "provenance": {"webvision": {"images": 41, "classes": 10, "sha256": "def"}, "operators": "torch", "note": "a"},
    "code": {"commit": "0123456789abcdef", "dirty": True},
    "packages": {"torch": "2.13.0"},
    "hardware": {"machine": "x86_64", "cores": 2, "gpu": None, "tasks": 1, "cpus_per_task": 1},
    "cost": {"started": "2026-01-01T00:00:00+00:00", "seconds": 3.5, "gpu_hours": 0.0},
}


def test_a_record_of_version_1_is_read_and_what_it_lacks_is_unknown(tmp_path, capsys):
    job = a_job(tmp_path)
    path = tmp_path / job["folder"] / RECORD_FILE
    path.write_text(json.dumps(VERSION_1, indent=2))
    before = path.read_bytes()
    record = read_record(path.parent, job["identity"])
    assert record.metrics["top1"].value == 71.5
    assert record.data["webvision"].names_sha256 == "def"
    assert (record.environment.operators, record.provenance) == ("torch", {"note": "a"})
    assert main(["trace", "accuracy/mopro/top1", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for said in (
        "record.json (version 1)",
        "code         0123456789abcdef with changes",
        "data         webvision 41 images, sha256 def",
        "lock sha256 unknown",
        "cpu unknown, cores 2, gpu none",
        "seconds 3.5, gpu hours 0.0, peak memory unknown, peak gpu memory unknown, cpu seconds unknown, "
        "output cpu seconds unknown, starts unknown",
    ):
        assert said in printed
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metrics": {}}, "metrics: dictionary should have at least 1 item"),
        ({"metrics": {"top1": {"value": None, "unit": "%", "n": 41}}}, "metrics.top1.value: input should be a valid"),
        ({"metrics": {"top1": {"value": 101, "unit": "%", "n": 41}}}, "metrics: top1 is 101 %"),
        ({"more": 1}, "more: extra inputs are not permitted"),
        ({"cost": {}}, "cost.started: field required"),
    ],
)
def test_a_record_of_version_1_is_checked_too(tmp_path, changes, said):
    (tmp_path / RECORD_FILE).write_text(json.dumps(VERSION_1 | changes))
    with pytest.raises(UnusableRecordError, match=rf"is damaged \({re.escape(said)}"):
        read_record(tmp_path, VERSION_1["identity"])


DOCUMENT = REPOSITORY / "docs/records.md"
MODELS = [it for it in vars(schema).values() if isinstance(it, type) and issubclass(it, schema.Part)]


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """What a model's docstring says of each field."""
    listed = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", listed, re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()) for name, text in entries}


@pytest.mark.parametrize("model", [it for it in MODELS if it is not schema.Part], ids=lambda model: model.__name__)
def test_every_field_is_documented(model):
    """To mend: copy the docstring's words into the table of docs/records.md."""
    fields = meanings(model)
    assert fields.keys() == model.model_fields.keys()
    section = DOCUMENT.read_text().partition(f"\n## {model.__name__}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", section, re.MULTILINE)
    assert [(name, meaning) for name, _, meaning in rows] == list(fields.items())
    for name, kind, _ in rows:
        assert ("or null" in kind) == (type(None) in getattr(model.model_fields[name].annotation, "__args__", ())), name
