"""What stands in place of a data set that cannot be had is a column of its own, never the paper's."""

import re

import pytest

from core.errors import InputError
from data.sets.places205.reader import LISTS, read_split
from data.sets.places205.verification import places205_split
from execution.plan import write_plan
from profiles.expand import jobs_of
from profiles.load import load_profile
from results.plan import read_results
from results.records import write_record
from results.tables import build_tables
from tests.support import REPOSITORY
from tests.support.result_runs import a_record

PLACES365 = ["data.places205.classes=365", "data.titles.places205=Places365"]


def test_the_folder_of_places365_is_refused_by_name(tmp_path):
    """By whoever reads it, and by the check before."""
    (tmp_path / "places365_train_standard.txt").write_text("/a/airfield/00000001.jpg 0\n")
    said = f"{tmp_path} holds Places365, which is another data set than Places205: name the folder of Places205"
    with pytest.raises(InputError, match=re.escape(said)):
        read_split(tmp_path, "train", 205)
    (fault,) = places205_split(tmp_path, "train", 205, None).inspect().faults
    assert fault.startswith(said)


def test_its_lists_under_the_names_of_places205_have_too_many_classes(tmp_path):
    (tmp_path / LISTS).mkdir()
    (tmp_path / LISTS / "train_places205.csv").write_text("a/airfield/00000001.jpg 0\nz/zen_garden/00000001.jpg 364\n")
    with pytest.raises(InputError, match=r"line 2: label 364 lies outside \[0, 205\)"):
        read_split(tmp_path, "train", 205)
    with pytest.raises(InputError, match=r"data\.places205\.classes is 365, but Places205.* has 205: .*data\.titles"):
        load_profile("paper", PLACES365[:1])
    assert load_profile("mini").data.places205.classes == 12  # which is set beside no published figure


def test_under_its_own_name_no_published_figure_stands_beside_it(tmp_path):
    profile = load_profile("paper", [*PLACES365, "data.titles.imagenet=Birds"])
    jobs = jobs_of(profile)
    for job in jobs:
        if job.name in ("lowshot-places205/ce/webvision-v1/seed0", "finetune-1pct/ce/webvision-v1/seed0"):
            metrics = {"k1": 40.0, "top1": 50.0}
            write_record(a_record(job.name, dict(job.tags), metrics, identity=job.identity), job.folder(tmp_path))
    write_plan(jobs, profile.model_dump(mode="json"), profile.tables, tmp_path)
    tables = {table.name: table.cells for table in build_tables(read_results(tmp_path))}
    places = [row for row in tables["lowshot"] if "Places" in row["Figure"]]
    assert {(row["Paper"], row["Difference"]) for row in places} == {("unknown", "")}
    assert [row["Verdict"] for row in places if row["Ours"] == "40.00 (1)"] == ["paper's figure unknown"]
    assert {row["Figure"].split()[0] for row in places} == {"Places365"}
    assert {row["Paper"] for row in tables["finetune"] if row["Figure"] != "all"} == {"unknown"}
    of_voc = [row["Paper"] for row in tables["lowshot"] if row["Figure"] == "VOC07 k=1" and row["Method"] == "CE"]
    assert any(paper != "unknown" for paper in of_voc)


def test_beside_places205_it_has_columns_of_its_own(tmp_path):
    """As the documentation says it is done."""
    text = (REPOSITORY / "docs/data.md").read_text().partition("## In place of a data set")[2]
    code, profile = (re.search(rf"```{it}\n(.*?)```", text, re.DOTALL)[1] for it in ("python", "yaml"))
    (tmp_path / "places365.py").write_text(code)
    (tmp_path / "both.yaml").write_text(profile)
    both, paper = load_profile(str(tmp_path / "both.yaml")), load_profile("paper")
    jobs = {job.name: job for job in jobs_of(both)}
    assert {job.name: job.identity for job in jobs_of(paper)}.items() <= {
        name: job.identity for name, job in jobs.items()
    }.items()
    job = jobs["lowshot-places365/ce/webvision-v1/seed0"]
    assert job.config["folder"] == "/datasets/places365" and job.config["classes"] == 365
    assert [source.key for source in job.reads] == ["evaluate.places365.folder"]
    (table,) = (table for table in both.tables if table.name == "places365")
    assert table.columns[0].title == "Places365 k=1"
    assert table.published is None and {it.published for it in table.columns} == {None}
