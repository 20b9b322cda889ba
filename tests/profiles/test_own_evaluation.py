"""An evaluation in a user's file outside the checkout: its row, its identity, and what becomes of mistakes in it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from core.errors import InputError
from core.workspace import Workspace
from data.config import EvaluationView
from data.sets.imagenet.reader import read_split
from execution.task import Task
from pretrain.config import EvaluationConfig
from pretrain.evaluation import pretrained_trunk
from pretrain.features import pooled_features
from profiles.expand import jobs_of
from profiles.load import load_profile
from tests.support import REPOSITORY
from tests.support.commands import run_all

EXAMPLE = REPOSITORY / "examples/linear_probe.py"
PROFILE = """
extends: mini
evaluate:
  my-probe: {spec: ./probe.py:SPEC, view: {resize: 32, crop: 28}, cost: 1, iterations: 1000}
"""
MINIMAL = """
from core.config import Config
from core.declarations import Column, Evaluation, Stage, Table

class Section(Config):
    times: int

def run(config, workspace):
    return {"answer": {"value": 42, "unit": "%", "n": config["times"]}}

def work(section, run):
    yield run.evaluation("my-answer", Stage("my-answer", f"{__file__}:run"), {"times": section.times})

TABLE = Table("my-answers", "Answers (%)", (Column("Answer", "my-answer", "answer"),))
SPEC = Evaluation("my-answer", Section, work, tables=(TABLE,))
"""


def written(folder: Path, code: str, keys: str = "times: 3") -> Path:
    """A profile that has the evaluation."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "probe.py").write_text(code)
    profile = folder / "mine.yaml"
    profile.write_text(f"extends: mini\nevaluate:\n  mine: {{spec: ./probe.py:SPEC, {keys}}}\n")
    return profile


@pytest.fixture(scope="module")
def probed(tmp_path_factory) -> Path:
    """The example's job of CE in the reduced miniature, with its profile beside the runs."""
    folder = tmp_path_factory.mktemp("mine")
    shutil.copy(EXAMPLE, folder / "probe.py")
    (folder / "mine.yaml").write_text(PROFILE)
    run = run_all(folder / "runs", "--profile", str(folder / "mine.yaml"), "--methods", "ce", "--only", "linear-probe")
    assert run.returncode == 0, run.stderr
    assert "## Linear probe (%)" in run.stdout and "| ImageNet top-1" in run.stdout
    return folder


def record_of(folder: Path, kind: str) -> tuple[dict, Path]:
    (path,) = folder.glob(f"runs/mini/{kind}/*/*/*/record.json")
    return json.loads(path.read_text()), path.parent


def test_the_file_is_named_by_its_digest_and_nothing_is_written_beside_it(probed):
    record, _ = record_of(probed, "linear-probe")
    (planned,) = (
        job for job in json.loads((probed / "runs/mini/plan.json").read_text())["jobs"] if "probe" in job["name"]
    )
    assert record["stage"] == planned["stage"] == "linear-probe"
    assert len(record["provenance"]["stage"]["sha256"]) == 64
    assert {path.name for path in probed.iterdir()} == {"probe.py", "mine.yaml", "runs"}


def test_the_linear_probe_is_the_minimum_of_its_loss(probed, tmp_path):
    """Against scipy's minimum of the same convex loss: sum of cross-entropies plus half the squared weights over C."""
    record, _ = record_of(probed, "linear-probe")
    _, checkpoint = record_of(probed, "pretrain")
    (world,) = probed.glob("runs/mini/miniature/seed0-*")
    train, val = (read_split(world / "imagenet", split, 10) for split in ("train", "val"))
    shown = EvaluationConfig(view=EvaluationView(resize=32, crop=28), batch_size=50, workers=0)
    place, cpu = Workspace(tmp_path, {"checkpoint": checkpoint}), torch.device("cpu")
    trunk = pretrained_trunk(place, cpu)
    features, of_val = (
        pooled_features(trunk, images, "all", shown, place, cpu).astype(float) for images in (train, val)
    )
    classes, size = 10, features.shape[1]
    labels, of_val_labels = train.labels, val.labels

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = flat[:-classes].reshape(size, classes), flat[-classes:]
        scores = log_softmax(features @ weights + bias, axis=1)
        rest = np.exp(scores) - np.eye(classes)[labels]
        gradient = np.concatenate([(features.T @ rest + weights).ravel(), rest.sum(axis=0)])
        return -scores[np.arange(len(labels)), labels].sum() + (weights**2).sum() / 2, gradient

    found = minimize(loss, np.zeros((size + 1) * classes), jac=True, method="L-BFGS-B", options={"maxiter": 5000}).x
    weights, bias = found[:-classes].reshape(size, classes), found[-classes:]
    right = ((of_val @ weights + bias).argmax(axis=1) == of_val_labels).mean()
    metric = record["metrics"]["top1"]
    assert metric["n"] == len(of_val) == 101
    assert metric["value"] == pytest.approx(100 * right, abs=2)  # an image or two near a boundary


def identities(profile: Path, *overrides: str) -> dict[str, str]:
    return {job.name: job.identity for job in jobs_of(load_profile(str(profile), overrides))}


def test_content_and_section_make_the_identity_and_no_place(tmp_path):
    here, there = written(tmp_path / "a", MINIMAL), written(tmp_path / "b/c", MINIMAL)
    assert identities(here) == identities(there)
    changed = written(tmp_path / "d", MINIMAL.replace("42", "43"))
    for after in (identities(changed), identities(here, "evaluate.mine.times=4")):
        differing = {name.split("/")[0] for name, identity in identities(here).items() if after[name] != identity}
        assert differing == {"my-answer"}
    assert identities(here).items() > {job.name: job.identity for job in jobs_of(load_profile("mini"))}.items()


def test_the_profile_that_a_plan_holds_can_be_read_again(tmp_path):
    from profiles.load import validated

    profile = load_profile(str(written(tmp_path, MINIMAL)))
    again = validated(profile.model_dump(mode="json"), "it")
    assert [table.name for table in again.tables] == [table.name for table in profile.tables]
    assert again.tables[-1].columns[0].title == "Answer"


@pytest.mark.parametrize(
    ("code", "keys", "said"),
    [
        ("def work(:\n", "times: 3", "probe.py, line 1: SyntaxError"),
        ("import nothing_of_that_name\n", "times: 3", "probe.py, line 1: ModuleNotFoundError"),
        ("SPEC = 3\n", "times: 3", "probe.py:SPEC is a int, expected an Evaluation"),
        ("ELSE = 3\n", "times: 3", "has no SPEC"),
        (MINIMAL, "times: three", "evaluate.mine.times: input should be a valid integer, found 'three'"),
        (MINIMAL, "times: 3, tines: 3", "unknown key 'evaluate.mine.tines'; did you mean 'evaluate.mine.times'?"),
        (MINIMAL.replace("section.times}", "section.tines}"), "times: 3", "probe.py, line 12: AttributeError"),
        (MINIMAL.replace("    yield run", "    yield 3 or run"), "times: 3", "it gives a int, expected Work"),
        (
            MINIMAL.replace("class Section(Config)", "class Section"),
            "times: 3",
            "line 15: section: input",
        ),
        (
            MINIMAL.replace('"my-answer", Stage', '"accuracy-imagenet", Stage'),
            "times: 3",
            "probe.py, line 11: it gives work of the kind 'accuracy-imagenet', which evaluate.accuracy",
        ),
        (
            MINIMAL.replace("    yield run", "    for _ in range(2):\n        yield run"),
            "times: 3",
            "line 11: it gives work of the kind 'my-answer', which evaluate.mine has given before",
        ),
        *(
            (MINIMAL.replace('"my-answer", Stage', f'"{kind}", Stage'), "times: 3", f"{kind!a}, as the suite calls")
            for kind in ("pretrain", "released", "plan.json", "Tables", "code", "verification", "miniature")
        ),
        (MINIMAL.replace('"my-answer", Stage', '"a/b", Stage'), "times: 3", "work of the kind 'a/b'"),
        (MINIMAL.replace("section.times}", "Section}"), "times: 3", "is not made of plain values"),
        (
            MINIMAL.replace("(Column(", "((").replace('"answer"),)', '"answer"),)'),
            "times: 3",
            "line 15: tables.0.columns.0: input should be an instance of Column",
        ),
        (MINIMAL.replace('"my-answer", "answer"', '"accuracy-imagenet", "top1"'), "times: 3", "appears twice"),
        (MINIMAL.replace('"my-answers"', '"My answers"'), "times: 3", "no file can be called by the name of the table"),
        (
            MINIMAL.replace('"my-answer", "answer"', '"my-anser", "answer"'),
            "times: 3",
            "probe.py, line 11: the column 'Answer' of the table my-answers is measured by jobs of the kind "
            "'my-anser', but it gives work of the kind my-answer",
        ),
        (MINIMAL.replace('(Column("Answer", "my-answer", "answer"),)', "()"), "times: 3", "my-answers has no columns"),
        (
            MINIMAL.replace('"my-answers"', '"accuracy"'),
            "times: 3",
            "evaluate.accuracy and evaluate.mine both have a table accuracy, with the title 'Accuracy on clean",
        ),
        (MINIMAL.replace('"Answer"', '"Method"'), "times: 3", "the table my-answers has two columns 'Method'"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(tmp_path, code, keys, said):
    with pytest.raises(InputError) as error:
        jobs_of(load_profile(str(written(tmp_path, code, keys))))
    assert said in error.value.sentence and error.value.sentence.count("\n") == 0, error.value.sentence


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("mine: {spec: ./probe.py}", "expected a file and a name in it"),
        ("copy: {spec: './probe.py:SPEC'}", "'copy' cannot be the name of an evaluation"),
        ("'1': {spec: './probe.py:SPEC'}", "'1' cannot be the name of an evaluation"),
        ("mine: {spec: './gone.py:SPEC'}", "gone.py cannot be read (No such file or directory)"),
    ],
)
def test_a_mistake_in_the_profile_is_one_sentence(tmp_path, section, said):
    profile = written(tmp_path, MINIMAL)
    profile.write_text(f"extends: mini\nevaluate:\n  {section}\n")
    with pytest.raises(InputError) as error:
        load_profile(str(profile))
    assert said in error.value.sentence


@pytest.mark.parametrize("declares", [True, False])
def test_data_that_the_profile_does_not_have_are_named_before_anything_runs(tmp_path, declares):
    code = MINIMAL.replace("from core.declarations import", "from core.declarations import Source,").replace(
        '"times": section.times}', '"times": section.times}, Source("data.coco", run.profile.data.coco)'
    )
    if declares:
        code = code.replace("tables=(TABLE,)", 'tables=(TABLE,), data_sets=("coco",)')
    profile, without = written(tmp_path, code), ["data.coco=null", "evaluate.detection=null", "claims=null"]
    with pytest.raises(
        InputError, match=r"evaluate\.mine needs data\.coco, found none: name its folder, or leave eval"
    ):
        jobs_of(load_profile(str(profile), without))


def test_a_data_set_that_does_not_exist_cannot_be_declared(tmp_path):
    code = MINIMAL.replace("tables=(TABLE,)", 'tables=(TABLE,), data_sets=("imagnet",)')
    with pytest.raises(InputError, match=r"evaluate\.mine declares the data set 'imagnet', expected some of webvision"):
        load_profile(str(written(tmp_path, code)))


def test_the_linear_probe_asks_no_other_evaluation_how_many_classes_there_are(tmp_path):
    shutil.copy(EXAMPLE, tmp_path / "probe.py")
    (tmp_path / "mine.yaml").write_text(PROFILE)
    overrides = ["evaluate.finetune=null", "claims=null"]
    jobs = jobs_of(load_profile(str(tmp_path / "mine.yaml"), overrides))
    assert {job.config["classes"] for job in jobs if job.kind == "linear-probe"} == {10}
    none_shared = [*overrides, "miniature=null", "hard_images=null", "evaluate.robustness=null"]
    with pytest.raises(InputError, match=r"linear-probe needs a set of data\.webvision that shares ImageNet's classes"):
        load_profile(
            str(tmp_path / "mine.yaml"), [*none_shared, "data.webvision.webvision.shares_imagenet_classes=false"]
        )


OF_A_SHIPPED_TABLE = """
from dataclasses import replace
from transfer.lowshot.spec import VOC07
TABLE = replace(VOC07.tables[0], columns=(Column({title!r}, "my-answer", "answer", at=32),))
SPEC = Evaluation("my-answer", Section, work, tables=(TABLE,))
"""


def test_a_column_can_be_added_to_a_table_that_ships_and_hides_none_of_its_columns(tmp_path):
    profile = load_profile(str(written(tmp_path / "a", MINIMAL + OF_A_SHIPPED_TABLE.format(title="Answer"))))
    (table,) = (table for table in profile.tables if table.name == "lowshot")
    assert [column.title for column in table.columns][-2:] == ["Places205 k=16", "Answer"]
    with pytest.raises(InputError, match="the table lowshot has two columns 'VOC07 k=1', of which one figure would"):
        load_profile(str(written(tmp_path / "b", MINIMAL + OF_A_SHIPPED_TABLE.format(title="VOC07 k=1"))))


def test_a_column_is_measured_by_jobs_called_like_the_evaluation_unless_it_says_otherwise(tmp_path):
    code = MINIMAL.replace('Column("Answer", "my-answer", "answer")', 'Column("Answer", metric="answer")')
    profile = load_profile(str(written(tmp_path, code)))
    assert profile.tables[-1].columns[0].evaluation == "my-answer"
    assert only_job(tmp_path / "mine.yaml").metrics == ("answer",)


def test_a_column_that_the_profile_may_leave_out_says_so(tmp_path):
    for kind in ("my-other", "my-answer"):
        column = f'Column("More", "{kind}", "more", is_optional=True)'
        code = MINIMAL.replace('"answer"),))', f'"answer"), {column}))')
        task = Task(only_job(written(tmp_path / kind, code)), tmp_path / kind)
        assert task() == 0


def test_a_figure_that_a_table_shows_and_the_stage_does_not_give_is_named(tmp_path):
    code = MINIMAL.replace('{"answer": {"value"', '{"answers": {"value"')
    task = Task(only_job(written(tmp_path, code)), tmp_path / "runs")
    assert task() == 2
    sentence = json.loads((task.folder / "error.json").read_text())["sentence"]
    assert "probe.py, line 8: it gives answers, but a table has a column of the metric answer: give that" in sentence
    assert not (task.folder / "record.json").exists()


def only_job(profile: Path):
    """The evaluation's job, without what it needs, which these tests don't compute."""
    from dataclasses import replace

    job = next(job for job in jobs_of(load_profile(str(profile))) if job.kind == "my-answer")
    return replace(job, needs={}, instructions=None)


def test_a_mistake_while_it_runs_is_a_sentence_with_its_traceback_in_the_log(tmp_path):
    task = Task(only_job(written(tmp_path, MINIMAL.replace("42", "1 / 0"))), tmp_path / "runs")
    assert task() == 2
    sentence = json.loads((task.folder / "error.json").read_text())["sentence"]
    assert "probe.py, line 9: ZeroDivisionError: division by zero" in sentence
    assert "Traceback" in (task.folder / "log.txt").read_text()


def test_a_file_that_changed_after_it_was_planned_is_not_run(tmp_path, monkeypatch):
    profile = written(tmp_path, MINIMAL)
    task = Task(only_job(profile), tmp_path / "runs")
    written(tmp_path, MINIMAL.replace("42", "43"))
    monkeypatch.setattr("core.user_code._FILES", {})  # as in the job's own process
    assert task() == 2
    assert "has changed since its jobs were planned" in (task.folder / "error.json").read_text()


def test_what_the_stage_gives_has_the_digest_of_its_file_in_its_record(tmp_path):
    task = Task(only_job(written(tmp_path, MINIMAL)), tmp_path / "runs")
    assert task() == 0
    record = json.loads((task.folder / "record.json").read_text())
    assert record["metrics"]["answer"]["value"] == 42
    assert record["provenance"]["stage"]["sha256"] == task.job.stage.sha256


def test_a_claim_can_be_about_it(tmp_path):
    profile = written(tmp_path, MINIMAL)
    assert load_profile(str(profile), ["claims.primary={answers: [my-answer/answer]}"]).claims is not None
    with pytest.raises(InputError, match=r"no table has a figure 'my-answer/answr'; the nearest is my-answer/answer"):
        load_profile(str(profile), ["claims.primary={answers: [my-answer/answr]}"])
