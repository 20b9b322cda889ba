"""Figures anew from what was kept for every image, and two methods image by image."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.workspace import Workspace
from metrics import top_k
from metrics.measures import keep_and_measure
from results.__main__ import main
from results.paired import compare, mcnemar, paired
from results.plan import PLAN_FILE, read_results
from results.records import read_record, write_record
from results.rescore import rescore
from results.schema import Record
from results.tables import build_tables
from tests.support.declared import DATA, PLANNED
from tests.support.result_runs import METHODS, a_record

IMAGES = 40
EVALUATION = "accuracy-imagenet"


def answers(seed: int, right: float, paths: str = "image{}") -> dict[str, np.ndarray]:
    """Of a classifier that is right about so many images."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 20, IMAGES)
    classes = np.stack([rng.permutation(20)[:5] for _ in range(IMAGES)])
    classes[:, 0] = np.where(rng.random(IMAGES) < right, labels, classes[:, 0])
    scores = np.sort(rng.dirichlet(np.ones(20), IMAGES), axis=1)[:, :-6:-1]
    return top_k.columns(np.array([paths.format(row).encode() for row in range(IMAGES)]), labels, classes, scores)


def job(runs: Path, method: str, columns: dict[str, np.ndarray], measure: str | None = "top-k", **figures) -> dict:
    """A finished job of a method, whose record has the figures of its outputs, or other ones; its entry in the plan."""
    name = f"{EVALUATION}/{method}/webvision-v1/seed0"
    workspace = Workspace(runs / name)
    metrics = keep_and_measure(workspace, "images", "top-k", columns)
    workspace.output("images", columns, measure)
    tags = {"method": method, "set": "webvision-v1", "seed": "0", "evaluation": EVALUATION}
    metrics = {of: figure | figures.get(of, {}) for of, figure in metrics.items()}
    changes = {"metrics": metrics, "outputs": {of: vars(kept) for of, kept in workspace.outputs.items()}}
    content = a_record(name, tags, dict.fromkeys(metrics, 0)).model_dump()
    write_record(Record.model_validate(content | changes), runs / name)
    return {"name": name, "identity": name, "folder": name, "tags": tags}


def plan(runs: Path, *jobs: dict, compares_with: str = "claims") -> Path:
    profile = {"name": "kept", "compares_with": compares_with, "tolerance": 1, "data": DATA, "methods": METHODS}
    (runs / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    return runs


@pytest.fixture
def runs(tmp_path) -> Path:
    """One seed of two methods."""
    return plan(tmp_path, job(tmp_path, "mopro", answers(0, 0.9)), job(tmp_path, "ce", answers(0, 0.4)))


def file_of(runs: Path, method: str) -> Path:
    return runs / f"{EVALUATION}/{method}/webvision-v1/seed0/outputs/images.npz"


def test_figures_and_tables_are_equal_to_what_outputs_give(runs, capsys):
    found = rescore(read_results(runs), runs)
    assert (found.equal, found.records, found.differences, found.not_recomputed) == (4, 2, [], {})
    assert found.is_well and found.tables["accuracy"]
    assert main(["rescore", str(runs)]) == 0
    assert "4 figures of 2 records are equal" in capsys.readouterr().out


@pytest.mark.parametrize("change", [b"", None, "one byte", "without its path"])
def test_an_altered_output_is_named(runs, capsys, change):
    path = file_of(runs, "mopro")
    content = path.read_bytes()
    if change is None:
        path.unlink()
    elif change == "one byte":
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    else:
        path.write_bytes(change if isinstance(change, bytes) else content[:-1])
    assert main(["rescore", str(runs)]) == 1
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.startswith("Differs")] == [
        line for line in said.splitlines() if str(path) in line
    ]
    assert "an output of its job was altered" in said
    assert "2 figures of 1 records are equal" in said


@pytest.mark.parametrize("part", ["value", "n", "interval"])
def test_an_altered_figure_is_named_though_its_record_is_sealed(runs, capsys, part):
    """By whoever can seal a record again."""
    folder = file_of(runs, "mopro").parent.parent
    record = read_record(folder, f"{EVALUATION}/mopro/webvision-v1/seed0")
    metric = record.metrics["top1"]
    changed = {"value": metric.value + 1e-6, "n": metric.n + 1, "interval": (0.0, metric.interval[1])}
    metrics = record.metrics | {"top1": metric.model_copy(update={part: changed[part]})}
    write_record(record.model_copy(update={"metrics": metrics}), folder)
    assert main(["rescore", str(runs)]) == 1
    (said,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("Differs"))
    assert said.startswith(f"Differs: {record.name}: top1 is ")


def test_a_figure_that_is_another_in_print_makes_its_table_another(tmp_path):
    runs = plan(tmp_path, job(tmp_path, "mopro", answers(0, 0.9), top1={"value": 12.0}))
    found = rescore(read_results(runs), runs)
    assert not found.is_well and not found.tables["accuracy"]
    assert "NOT equal: accuracy" in str(found)


@pytest.mark.parametrize(
    ("measure", "reason"), [(None, "its outputs don't say how"), ("mine", "does not know the measure mine")]
)
def test_what_cannot_be_recomputed_is_named_with_the_reason(tmp_path, measure, reason):
    runs = plan(tmp_path, job(tmp_path, "mopro", answers(0, 0.9), measure))
    found = rescore(read_results(runs), runs)
    assert found.is_well and found.equal == 0
    ((said, figures),) = found.not_recomputed.items()
    assert reason in said
    assert figures == {"tests:none: top1": 1, "tests:none: top5": 1}


def test_a_record_without_outputs_is_named(tmp_path):
    entry = job(tmp_path, "mopro", answers(0, 0.9))
    record = read_record(tmp_path / entry["folder"], entry["identity"])
    write_record(record.model_copy(update={"outputs": None}), tmp_path / entry["folder"])
    found = rescore(read_results(plan(tmp_path, entry)), tmp_path)
    assert list(found.not_recomputed) == ["nothing is kept of which it could be computed"]


def test_outputs_that_are_no_answers_are_named(tmp_path):
    """As of a stage that says it measured by another measure than it did."""
    entry = job(tmp_path, "mopro", answers(0, 0.9), "scores-of-draws")
    found = rescore(read_results(plan(tmp_path, entry)), tmp_path)
    (said,) = found.differences
    assert "its output images has no such figures (KeyError: 'present')" in said


@pytest.mark.parametrize("compares_with", ["claims", "paper"])
def test_tables_show_the_interval_of_a_single_seed(runs, compares_with):
    results = read_results(plan(runs, *json.loads((runs / PLAN_FILE).read_text())["jobs"], compares_with=compares_with))
    low, high = results.measured["mopro", "webvision-v1", EVALUATION, "top1"]["0"].interval
    cells = [cell for table in build_tables(results) for row in table.cells for cell in row.values()]
    assert any(cell.endswith(f"(1) [{low:.2f}, {high:.2f}]") for cell in cells)


def test_mcnemars_test_is_scipys_exact_one():
    from scipy.stats import binomtest

    rng = np.random.default_rng(0)
    for share in (0.1, 0.5, 0.9):
        ours, theirs = rng.random(60) < share, rng.random(60) < 0.5
        alone = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
        assert mcnemar(ours, theirs) == pytest.approx(binomtest(alone[0], sum(alone)).pvalue)
    assert mcnemar(ours, ours) == 1


def test_two_methods_are_compared_image_by_image(runs, capsys):
    pairs = {pair.figure: pair for pair in paired(read_results(runs), runs, "mopro", "ce")}
    top1 = pairs["ImageNet top-1"]
    low, high = top1.interval
    assert low < top1.ours - top1.theirs < high
    assert low > 0 and top1.p_value < 0.001
    single = [
        figure.interval
        for figure in (
            read_results(runs).records[name].metrics["top1"]
            for name in (f"{EVALUATION}/mopro/webvision-v1/seed0", f"{EVALUATION}/ce/webvision-v1/seed0")
        )
    ]
    assert high - low < sum(end - begin for begin, end in single)
    assert pairs["ImageNet top-5"].p_value is None
    assert main(["compare", "MoPro", "ce", str(runs)]) == 0
    assert f"[{low:+.2f}, {high:+.2f}]" in capsys.readouterr().out


def test_a_method_beside_itself_differs_by_nothing(runs):
    assert {pair.interval for pair in paired(read_results(runs), runs, "mopro", "mopro")} == {(0, 0)}


def test_methods_on_other_images_are_not_compared(tmp_path):
    jobs = job(tmp_path, "mopro", answers(0, 0.9)), job(tmp_path, "ce", answers(0, 0.4, "other{}"))
    pairs = list(paired(read_results(plan(tmp_path, *jobs)), tmp_path, "mopro", "ce"))
    assert {(pair.interval, pair.reason) for pair in pairs} == {(None, "other images")}


def test_a_method_that_is_not_there_is_named(runs):
    with pytest.raises(InputError, match="has no method mopr: the nearest is mopro"):
        compare(read_results(runs), runs, "mopr", "ce")


def test_outputs_are_equal_bytes_for_equal_columns(tmp_path):
    digests = set()
    for number in range(2):
        workspace = Workspace(tmp_path / str(number))
        workspace.output("images", answers(0, 0.9), "top-k")
        content = (workspace.folder / workspace.outputs["images"].file).read_bytes()
        assert workspace.outputs["images"].sha256 == hashlib.sha256(content).hexdigest()
        assert workspace.outputs["images"].bytes == len(content)
        digests.add(workspace.outputs["images"].sha256)
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["", "../images", "Images", "images.npz", "-images"])
def test_an_output_is_called_as_a_file_can_be(tmp_path, name):
    with pytest.raises(ValueError, match="expected lower-case letters, digits and hyphens"):
        Workspace(tmp_path).output(name, {"path": [b"one"]})


def test_python_objects_are_no_output(tmp_path):
    with pytest.raises(TypeError, match="the column answer of an output holds Python objects"):
        Workspace(tmp_path).output("images", {"answer": np.array([{}])})
    assert not list(tmp_path.rglob("*"))


def test_another_process_of_a_job_writes_no_output(tmp_path):
    workspace = Workspace(tmp_path, reports_progress=False)
    workspace.output("images", {"path": [b"one"]})
    assert not workspace.outputs and not list(tmp_path.rglob("*"))
