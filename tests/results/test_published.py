"""The published figures: as their source has them, filled in by hand, and wrong cells."""

import csv
import re
from pathlib import Path

import pytest

from core.errors import InputError
from results.published import TABLE, Published, read_published
from tests.support import REPOSITORY
from tests.support.declared import TABLES
from tests.support.result_runs import METHODS


def test_published_figures_are_those_of_the_source():
    figures = read_published(TABLES)
    assert figures["webvision", "MoPro (R50)", "WebVision-V1.0", "webvision_top1"] == Published((73.9,), "verified")
    assert figures["coco", "MoPro", "WebVision-V2.0", "APbb_1x"] == Published((40.1, 40.7), "conflict")
    assert figures["lowshot", "CE", "WebVision-V1.0", "VOC07_mAP_k2"].values == ()
    assert {figure.status for figure in figures.values()} == {"verified", "secondary", "conflict", "missing"}
    assert all(bool(figure.values) == (figure.status != "missing") for figure in figures.values())


def with_line(folder: Path, line: str) -> Path:
    """The published figures with one line more, as somebody who holds the paper might add it."""
    path = folder / "published.csv"
    path.write_text(TABLE.read_text() + line + "\n")
    return path


NEW = "lowshot,Mine,WebVision-V1.0,VOC07_mAP_k1"


def test_a_figure_that_is_filled_in(tmp_path):
    path = tmp_path / "published.csv"
    missing = "lowshot,CE,WebVision-V1.0,VOC07_mAP_k2,,missing,"
    text = TABLE.read_text()
    assert missing in text
    path.write_text(
        text.replace(missing, 'lowshot,CE,WebVision-V1.0,VOC07_mAP_k2,61.3,verified,"the paper, Table 2"', 1)
    )
    assert read_published(TABLES, path)["lowshot", "CE", "WebVision-V1.0", "VOC07_mAP_k2"] == Published(
        (61.3,), "verified"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{NEW},7l.3,verified,paper", "the value is '7l.3', expected a number between 0 and 100"),
        (f"{NEW},713,verified,paper", "the value is '713', expected"),
        (f"{NEW},-3,verified,paper", "the value is '-3', expected"),
        (f"{NEW},nan,verified,paper", "the value is 'nan', expected"),
        (f'{NEW},"71,3",verified,paper', "the value is '71,3', expected"),
        (f"{NEW},71.3,verified,", "it has a value without a source"),
        (f"{NEW},71.3,sure,paper", "the status is 'sure', expected one of verified, secondary, conflict, missing"),
        (f"{NEW},71.3,missing,paper", "it is missing and has the value '71.3'"),
        (f"{NEW},,verified,paper", "it is verified and has no value"),
        (f"{NEW},71.3,verified,paper, Table 2", "it has not 7 cells"),
        (f"{NEW},71.3,verified", "it has not 7 cells"),
        ("lowshot,Mine,WebVision-V1.0,VOC07_k1,71.3,verified,paper", "no table has the metric lowshot/VOC07_k1"),
        ("lowshot,CE,WebVision-V1.0,VOC07_mAP_k2,71.3,verified,paper", "the same figure is on an earlier line"),
    ],
)
def test_a_wrong_cell_among_the_published_figures(tmp_path, line, said):
    lines = len(TABLE.read_text().splitlines()) + 1
    with pytest.raises(InputError, match=rf"published\.csv, line {lines}: {re.escape(said)}") as error:
        read_published(TABLES, with_line(tmp_path, line))
    assert "\n" not in error.value.sentence


def test_a_conflict_needs_two_values(tmp_path):
    with pytest.raises(InputError, match=r"lowshot/Mine/WebVision-V1\.0/VOC07_mAP_k1 is a conflict of one value"):
        read_published(TABLES, with_line(tmp_path, f"{NEW},71.3,conflict,paper"))
    both = f"{NEW},71.3,conflict,paper\n{NEW},71.4,conflict,elsewhere"
    found = read_published(TABLES, with_line(tmp_path, both))
    assert found["lowshot", "Mine", "WebVision-V1.0", "VOC07_mAP_k1"] == Published((71.3, 71.4), "conflict")


def test_published_figures_with_other_columns(tmp_path):
    (tmp_path / "published.csv").write_text("table,method\n")
    with pytest.raises(InputError, match="begins with other columns"):
        read_published(TABLES, tmp_path / "published.csv")


def test_figures_as_a_spreadsheet_writes_them(tmp_path):
    path = with_line(tmp_path, f"{NEW},71.3,verified,paper")
    whole, text = read_published(TABLES, path), path.read_text()
    path.write_text(text, "utf-8-sig")
    assert read_published(TABLES, path) == whole
    path.write_text(text.replace("verified,paper", "verified,Müller"), "latin-1", "ignore")
    with pytest.raises(InputError, match=r"published\.csv is not encoded in UTF-8: save it as CSV in UTF-8"):
        read_published(TABLES, path)


def test_every_name_that_is_compared_with_is_published():
    published = {(table, method) for table, method, _, _ in read_published(TABLES)}
    named = {(table, name) for it in METHODS.values() for table, names in it["published"].items() for name in names}
    assert named and named <= published


def test_published_figures_are_those_of_the_reference_table():
    """Where this repository lies beside the table that the figures were copied from."""
    reference = REPOSITORY.parent / "shared/reference/published_numbers.csv"
    if not reference.exists():
        pytest.skip("the reference table ../shared/reference/published_numbers.csv is not here")
    with reference.open(newline="") as theirs, TABLE.open(newline="") as ours:
        assert list(csv.DictReader(ours)) == list(csv.DictReader(theirs))
