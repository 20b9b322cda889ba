"""What is wrong in a user's evaluation is one sentence with file and line, in the plan or else in the job."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from execution.task import Task
from profiles.expand import jobs_of
from profiles.load import load_profile
from run_all import main

CODE = """
from core.config import Config
from core.declarations import Column, Evaluation, Source, Stage, Table, Work

class Section(Config):
    times: int

def run(config, workspace):
    return {"answer": {"value": 42, "unit": "%", "n": config["times"]}}

def work(section, run):
    yield run.evaluation("my-answer", STAGE, {"times": section.times}, images=8)

STAGE = Stage("my-answer", f"{__file__}:run")
COLUMN = Column("Answer", "my-answer", "answer")
TABLE = Table("my-answers", "Answers (%)", (COLUMN,))
SPEC = Evaluation("my-answer", Section, work, tables=(TABLE,))
"""
WORK = 'yield run.evaluation("my-answer", STAGE, {"times": section.times}, images=8)'
SPEC = 'SPEC = Evaluation("my-answer", Section, work'
GIVEN = 'return {"answer": {"value": 42, "unit": "%", "n": config["times"]}}'


def line_of(code: str, text: str) -> int:
    return code[: code.index(text)].count("\n") + 1


def profile_with(folder: Path, code: str) -> Path:
    """A profile that has the evaluation, and untrained backbones."""
    (folder / "answer.py").write_text(code)
    keys = "evaluate: {mine: {spec: './answer.py:SPEC', times: 3}}\nmethods: {random: {objective: untrained}}\n"
    (folder / "mine.yaml").write_text(f"extends: mini\n{keys}")
    return folder / "mine.yaml"


def task_of(folder: Path, code: str) -> Task:
    """A job of the evaluation, without what it needs, which these tests don't compute."""
    job = next(it for it in jobs_of(load_profile(str(profile_with(folder, code)))) if it.kind == "my-answer")
    return Task(replace(job, needs={}, instructions=None), folder / "runs")


def one_line(capsys) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.mark.parametrize(
    ("right", "wrong", "place", "said"),
    [
        # what is called takes other arguments
        ("def work(section, run)", "def work(section)", "def work", "work(section) too many positional arguments"),
        ("def run(config, workspace)", "def run(config)", "def run", "run(config) too many positional arguments"),
        ("tables=", "check=lambda section: None, tables=", "SPEC", "too many positional arguments"),
        ("tables=", "untrained_seeds=lambda: (), tables=", "SPEC", "too many positional arguments"),
        ("Section, work,", "Section, __import__('functools').partial(work, x=3),", "def work", "unexpected keyword"),
        (
            SPEC,
            "class W:\n    def __call__(self):\n        pass\n\n" + SPEC.replace("work", "W()"),
            "class W",
            "too many",
        ),
        # what it gives is not what is expected
        (WORK, "return", "def work", "it gives a NoneType, expected Work, one after the other"),
        (WORK, WORK.replace("yield", "return"), "def work", "it gives a Work, expected Work, one after the other"),
        (WORK, "yield 3", "def work", "it gives a int, expected Work"),
        (
            "tables=",
            "untrained_seeds=lambda section: ['a'], tables=",
            "SPEC",
            "it gives ['a'], expected different seeds",
        ),
        ("tables=", "untrained_seeds=lambda section: [1, 1], tables=", "SPEC", "it gives [1, 1], expected different"),
        ("tables=", "untrained_seeds=lambda section: 3, tables=", "SPEC", "it gives 3, expected different seeds"),
        # it fails
        ("tables=", "check=lambda section, profile: profile.nope, tables=", "SPEC", "no attribute 'nope'"),
        ("tables=", "untrained_seeds=lambda section: section.nope, tables=", "SPEC", "no attribute 'nope'"),
        (WORK, "yield section.nope", "yield", "no attribute 'nope'"),
        (WORK, "raise SystemExit(3)", "raise", "SystemExit: 3"),
        (WORK, "assert not section", "assert", "line 12: AssertionError; correct it"),
        # values that are of another type than is declared
        ('"my-answer", f"{', '3, f"{', "def work", "whose stage.id: input should be a valid string, found 3"),
        ('f"{__file__}:run"', "3", "def work", "whose stage.code: input should be a valid string, found 3"),
        ('f"{__file__}:run"', '"answer:run"', "def work", "'answer:run', expected a function in a file"),
        ('f"{__file__}:run"', 'f"{__file__}:TABLE"', "TABLE =", "found a Table, expected a function"),
        ("images=8", 'images="many"', "def work", "whose images.evaluation: input should be a valid number"),
        ("images=8", "images=-8", "def work", "whose images.evaluation: input should be greater than or equal to 0"),
        ("images=8", 'images=float("nan")', "def work", "whose images.evaluation: input should be a finite number"),
        ("images=8", "*['/data/images']", "def work", "whose reads.0: input should be an instance of Source"),
        ("images=8", "Source('a', 'b', 'file')", "def work", "reads.0.kind: input should be 'folder', 'list' or"),
        ("images=8", "checkpoint=3", "def work", "whose needs.checkpoint: input should be an instance of Work"),
        ("tables=(TABLE,)", "tables=TABLE", "SPEC", "tables: input should be a valid tuple"),
        ("tables=", "needs='nothing', tables=", "SPEC", "needs: input should be 'features', 'classifier', 'trunk' or"),
        ('Evaluation("my-answer"', "Evaluation(3", "SPEC", "id: input should be a valid string"),
        ("Section, work,", "Section, 'work',", "SPEC", "work: input should be callable"),
        ("tables=", "check=3, tables=", "SPEC", "check: input should be callable"),
        ("(COLUMN,)", "(COLUMN,), picture='pie'", "SPEC", "tables.0.picture: input should be 'curves' or 'bars'"),
        ("(COLUMN,)", "(COLUMN,), picture='curves'", "TABLE =", "its column Answer has no place on their axis"),
        ('"answer")', '"answer", at="4")', "SPEC", "tables.0.columns.0.at: input should be a valid number, found '4'"),
        # the model of its section
        (
            "times: int",
            "times: int = 'three'",
            "class Section",
            "the default of times: input should be a valid",
        ),
        ("times: int", "times: int\n    of: set = {1}", "class Section", "its values do not survive JSON"),
        ("times: int", "times: int\n    spec: str = ''", "class Section", "its field spec has the name of the key"),
        ("times: int", "times: int\n    def model_post_init(self, _):\n        1 / 0", "1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_mistake_is_told_in_the_plan(tmp_path, capsys, right, wrong, place, said):
    code = CODE.replace(right, wrong)
    assert code != CODE
    (tmp_path / "runs").mkdir()
    line = ["--profile", str(profile_with(tmp_path, code)), "--runs", str(tmp_path / "runs"), "--dry-run"]
    assert main(line) == 2
    sentence = one_line(capsys)
    assert said in sentence and f"{tmp_path}/answer.py, line {line_of(code, place)}: " in sentence, sentence
    for report in (tmp_path / "runs").glob("error-*.txt"):
        assert str(report) in sentence and "Traceback" in report.read_text()


def test_an_import_of_a_file_beside_it_says_that_there_is_none(tmp_path, capsys):
    (tmp_path / "helper.py").touch()
    profile = profile_with(tmp_path, "import helper\n" + CODE)
    assert main(["--profile", str(profile), "--runs", str(tmp_path), "--dry-run"]) == 2
    assert (
        "answer.py, line 1: ModuleNotFoundError: No module named 'helper', as a user's file stands alone"
        in one_line(capsys)
    )


def test_a_section_without_its_file_is_told_of_the_key(tmp_path, capsys):
    profile = profile_with(tmp_path, CODE)
    profile.write_text("extends: mini\nevaluate: {mine: {times: 3}}\n")
    assert main(["--profile", str(profile), "--runs", str(tmp_path), "--dry-run"]) == 2
    assert re.search(r"evaluate\.mine: no evaluation of this name ships.* has the key spec", one_line(capsys))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("pass", "metrics: input should be a valid dictionary, found None"),
        ("return 42.0", "metrics: input should be a valid dictionary, found 42.0"),
        ('return {"answer": 42}', "metrics.answer: input should be a valid dictionary or instance of Metric"),
        (GIVEN.replace('"unit": "%", ', ""), "metrics.answer.unit: field required"),
        (GIVEN.replace("42", "float('nan')"), "metrics.answer.value: input should be a finite number"),
        (GIVEN.replace("42", "142"), "answer is 142 %, and a percentage lies between 0 and 100"),
        (GIVEN.replace('config["times"]', "0"), "metrics.answer.n: input should be greater than 0"),
        (f'workspace.provenance["x"] = object(); {GIVEN}', "provenance: x is a object, which JSON does not have"),
        ("import helper", "ModuleNotFoundError: No module named 'helper'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_mistake_in_what_runs_is_told_by_the_job_with_its_traceback_in_the_log(tmp_path, wrong, said):
    code = CODE.replace(GIVEN, wrong)
    task = task_of(tmp_path, code)
    assert task() == 2
    error = json.loads((task.folder / "error.json").read_text())
    assert error["kind"] == "input" and said in error["sentence"] and "\n" not in error["sentence"]
    lines = {line_of(code, "def run"), line_of(code, wrong)}
    assert any(f"{tmp_path}/answer.py, line {line}: " in error["sentence"] for line in lines), error["sentence"]
    assert "Traceback" in (task.folder / "log.txt").read_text()


def test_the_record_says_where_the_file_lay(tmp_path):
    task = task_of(tmp_path, CODE)
    assert task() == 0
    stage = json.loads((task.folder / "record.json").read_text())["provenance"]["stage"]
    assert stage == {"path": str(tmp_path / "answer.py"), "sha256": task.job.stage.sha256}
