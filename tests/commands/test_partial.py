"""A disk that holds a part of the data: what it allows is planned; of the rest, tables say that there are no data."""

import re

import pytest

from commands.arguments import CommandParser
from commands.plan_to_write import write_plan_of
from commands.selection import Selection, selection_of
from profiles.load import load_profile
from results.plan import Results, read_results
from results.records import write_record
from results.tables import build_tables
from results.trail import not_run_because
from run_all import main
from tests.support.result_runs import a_record

MISSING = ("webvision.webvision-v1.folder", "imagenet", "places205.folder", "imagenet_r.folder", "imagenet_a.folder")


@pytest.fixture
def disk(tmp_path) -> list[str]:
    """The arguments of a profile for which VOC2007, COCO and everybody's checkpoints are there, and nothing else."""
    (tmp_path / "data/VOCdevkit/VOC2007/ImageSets/Main").mkdir(parents=True)
    (tmp_path / "data/coco/annotations").mkdir(parents=True)
    (tmp_path / "data/coco/annotations/instances_train2017.json").touch()
    arguments = ["--profile", "released", "--set", f"data.root={tmp_path / 'data'}", "--runs", str(tmp_path / "runs")]
    for name in load_profile("released").released:
        (tmp_path / f"{name}.pth").touch()
        arguments += ["--set", f"methods.{name}.file={tmp_path / name}.pth"]
    return arguments


def selected(*arguments: str) -> Selection:
    return selection_of(CommandParser("", None).parse_args(arguments))


def written(selection: Selection) -> Results:
    write_plan_of(selection)
    return read_results(selection.runs)


def test_the_plan_has_what_the_data_allow_and_names_the_rest(disk, tmp_path, capsys):
    assert main([*disk, "--partial", "--dry-run", "--cluster", "slurm"]) == 0
    said = capsys.readouterr().out
    planned = set(re.findall(r"^([a-z0-9-]+)/", said, re.MULTILINE))
    assert planned == {"released", "untrained", "lowshot-voc07", "detection-1x", "detection-2x"}
    for key in MISSING:
        assert re.search(
            rf"^Left out, with what needs them: .+, as data\.{key}: the folder .+ does not exist", said, re.M
        )
    assert not (tmp_path / "runs").exists()


def test_tables_say_where_there_are_no_data(disk):
    selection = selected(*disk)
    (done,) = (job for job in selection.planned if job.name == "lowshot-voc07/moco-v2/imagenet/seed0")
    record = a_record(done.name, dict(done.tags), {"k1": 40.0}, identity=done.identity)
    write_record(record, done.folder(selection.runs))
    results = written(selection)
    (lowshot,) = (table for table in build_tables(results) if table.name == "lowshot")
    ours = [row for row in lowshot.cells if row["Verdict"] != "published only"]
    found = {(row["Method"], row["Figure"]): (row["Ours"], row["Verdict"]) for row in ours}
    assert found["MoCo v2, release", "VOC07 k=1"][0] == "40.00 (1)"
    assert found["PCL v2, release", "VOC07 k=1"] == ("not run", "not run")
    assert found["PCL v2, release", "Places205 k=1"] == ("no data", "no data")
    assert found["CE", "VOC07 k=1"] == ("no data", "no data")  # nothing to pretrain it on
    (said,) = lowshot.marks
    assert said.startswith("No data: what the profile names as data.webvision.webvision-v05.folder, ")
    assert "data.places205.folder" in said and "voc07" not in said
    places = results.planned["lowshot-places205/moco-v2/imagenet/seed0"]
    reason = not_run_because(results, selection.runs, places)
    assert reason == "left out for want of data: data.places205.folder was not there"


def test_once_the_data_are_there_nothing_lacks_them(disk, tmp_path):
    name = "lowshot-places205/byol/imagenet/seed0"
    assert written(selected(*disk)).planned[name].lacks == ["data.places205.folder"]
    (tmp_path / "data/places205").mkdir()
    assert written(selected(*disk)).planned[name].lacks == []


def test_claims_say_which_data_they_wait_for(tmp_path):
    selection = selected("--set", f"data.places205.folder={tmp_path / 'nowhere'}", "--runs", str(tmp_path))
    (claims,) = (table for table in build_tables(written(selection)) if table.name == "claims")
    outcomes = {(row["Claim"], str(row["Verdict"])) for row in claims.cells}
    waiting = "not run (no data: data.places205.folder)"
    assert {said for claim, said in outcomes if "low-shot" in claim} == {waiting}
    assert {said for claim, said in outcomes if "low-shot" not in claim} == {"not run"}
