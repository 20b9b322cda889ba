"""The report and the trail: from records alone, the same for the same records, nothing executed, everything named."""

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from core.exhibits import CURVES_FILE, EXHIBITS_FILE, Exhibit, write_exhibits
from results.__main__ import main
from results.plan import PLAN_FILE, read_results
from results.records import write_record
from results.report.writing import write_report
from tests.support import REPOSITORY
from tests.support.declared import DATA, PLANNED
from tests.support.result_runs import a_record, write_job, write_runs


def fill(runs: Path, compares_with: str = "claims") -> Path:
    """A reproduction with everything that a report shows, and with what it must not stumble over."""
    write_runs(runs, compares_with)
    plan = json.loads((runs / PLAN_FILE).read_text())
    for method in ("ce", "mopro"):
        job = write_job(runs, "pretrain", method, 0, {"steps": 9})
        epochs = [{"epoch": e, "loss/classification": 2.0 - e, "kept": 1.0, "accuracy": e / 3} for e in range(3)]
        (runs / job["folder"] / CURVES_FILE).write_text(json.dumps(epochs))
        plan["jobs"].append(job)
    job = write_job(runs, "cleaning", "mopro", 0, {"kept": 70.0})
    shades = np.arange(36 * 36 * 3, dtype=np.uint8).reshape(36, 36, 3)
    details = {
        "given": "boot",
        "new": "bag",
        "score_of_given": 0.02,
        "highest_score": 0.9,
        "truth": "bag",
        "agrees": True,
    }
    exhibits = [Exhibit(group, shades, f"boot → {group}", details) for group in ("corrected", "dropped", "kept")]
    write_exhibits(runs / job["folder"], [*exhibits, Exhibit("detections", shades, "two <dogs>", {"boxes": 2})])
    plan["jobs"].append(job)
    failed = write_job(runs, "robustness-imagenet-r", "mopro", 0, {})
    (runs / failed["folder"]).mkdir(parents=True)
    (runs / failed["folder"] / "error.json").write_text(json.dumps({"kind": "input", "sentence": "A list is missing."}))
    waiting = write_job(runs, "robustness-imagenet-a", "mopro", 0, {}) | {"needs": {"data": failed["name"]}}
    plan["jobs"] += [failed, waiting]
    (runs / PLAN_FILE).write_text(json.dumps(plan))
    return runs


def page_of(runs: Path) -> str:
    return write_report(read_results(runs), runs).read_text()


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Tests must not change it."""
    folder = fill(tmp_path_factory.mktemp("runs"))
    write_report(read_results(folder), folder)
    return folder


def test_every_part_is_there(runs):
    page = (runs / "report.html").read_text()
    parts = ("claims", "gain", "tables", "curves", "training", "images", "not-run", "run", "trail")
    assert re.findall(r'<section id="([\w-]+)"', page) == list(parts)
    for text in ("VOC07 k=16", "Classification loss", "Corrected: given label", "✓ truth: bag", "two &lt;dogs&gt;"):
        assert text in page
    assert "failed: A list is missing." in page
    assert "because robustness-imagenet-r/mopro/webvision-v1/seed0 failed: A list is missing." in page
    assert page.count("<img ") == 4


def test_it_needs_nothing_from_elsewhere(runs):
    page = (runs / "report.html").read_text()
    sources = re.findall(r'\b(?:src|srcset|xlink:href|action)="([^"]+)"', page) + re.findall(r"url\(([^)]+)\)", page)
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "<script" not in page
    assert re.findall(r'<link [^>]*href="([^"]+)"', page) == ["data:,"]
    assert "http" not in page.replace("http://www.w3.org/", "")


def test_every_figure_leads_to_its_records(runs):
    page = (runs / "report.html").read_text()
    anchors = re.findall(r'\bid="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(anchors)
    records = re.findall(r'<a href="([^"#]+)"', page)
    assert len(records) == len(list(runs.rglob("record.json")))
    assert all((runs / record).is_file() for record in records)


def test_the_same_records_give_the_same_bytes(runs, tmp_path):
    copy = shutil.copytree(runs, tmp_path / "copy")
    (copy / "report.html").unlink()
    assert page_of(copy) == (runs / "report.html").read_text()


def test_pictures_are_whole_and_take_their_colours_from_the_page(runs):
    pictures = re.findall(r"<svg.*?</svg>", (runs / "report.html").read_text(), re.DOTALL)
    assert len(pictures) == 6  # claims, steps, one low-shot curve, and three of training
    for picture in pictures:
        ElementTree.fromstring(picture)
        assert "#000" not in picture
        assert "var(--" in picture


def test_what_is_up_to_date_is_not_written_again(runs, tmp_path):
    copy = shutil.copytree(runs, tmp_path / "copy")
    before = (copy / "report.html").stat().st_mtime_ns
    program = (
        "import sys; from pathlib import Path; from results.plan import read_results;"
        "from results.report.writing import write_report; runs = Path(sys.argv[1]);"
        "write_report(read_results(runs), runs);"
        "sys.exit('matplotlib' in sys.modules or 'jinja2' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, copy], cwd=REPOSITORY).returncode == 0
    assert (copy / "report.html").stat().st_mtime_ns == before
    (next(copy.glob("robustness-imagenet-r/*/*/*")) / "error.json").unlink()
    assert "A list is missing" not in page_of(copy)


def test_drawing_does_not_import_torch():
    program = "import sys, results.report.content; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY).returncode == 0


def test_a_hostile_name_is_shown_as_text(tmp_path):
    hostile = "<script>alert(1)</script>"
    figures = {"accuracy-webvision": {"top1": 1.0, "top5": 2.0}, "lowshot-voc07": {"k1": 3.0}}
    jobs = [
        write_job(tmp_path, evaluation, hostile, seed, metrics)
        for seed in range(2)
        for evaluation, metrics in figures.items()
    ]
    profile = {"name": hostile, "compares_with": "claims", "tolerance": 0.5, "data": DATA}
    (tmp_path / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    page = page_of(tmp_path)
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 5


def test_beside_the_paper(tmp_path):
    page = page_of(fill(tmp_path, "paper"))
    assert re.search(r"66\.4<span class=\"small\">secondary", page)
    assert re.search(r'class="verdict bad"><span aria-hidden="true">▼</span> worse', page)
    assert re.search(r'undecided</span><span class="small">about \d+ seeds decide', page)
    assert "Dashed: the paper’s" in page


def test_nothing_was_run_yet(tmp_path):
    jobs = [write_job(tmp_path, "lowshot-voc07", method, 0, {}) for method in ("ce", "mopro")]
    profile = {"name": "empty", "compares_with": "claims", "tolerance": 0.5, "data": DATA}
    (tmp_path / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    page = page_of(tmp_path)
    assert page.count("not started") == 2
    assert "<svg" not in page


def test_a_broken_picture_or_curve_is_left_out(tmp_path):
    fill(tmp_path)
    next(tmp_path.rglob("0000.jpg")).write_bytes(b"no picture")
    next(tmp_path.glob(f"pretrain/ce/**/{CURVES_FILE}")).write_text("{")
    page = page_of(tmp_path)
    assert page.count("<img ") == 3
    assert "Classification loss" in page
    assert re.search(rf"Left out: \S*/{CURVES_FILE} is damaged \(Invalid JSON", page)


LEFTOVERS = ("1", "[1]", "[[]]", "[{}]", '[{"epoch": -1}]', '[{"epoch": 0, "kept": "x"}]', '[{"group": 1}]', "\xe9[")


@pytest.mark.parametrize("content", LEFTOVERS)
def test_what_a_stage_left_is_checked(tmp_path, content):
    fill(tmp_path)
    files = [*tmp_path.rglob(CURVES_FILE), *tmp_path.rglob(EXHIBITS_FILE)]
    for path in files:
        path.write_bytes(content.encode("latin-1"))
    page = page_of(tmp_path)
    assert page.count("; the report goes without it.") == len(files) == 3
    assert "<img " not in page


def test_a_diagram_that_is_damaged_is_left_out(tmp_path):
    bins = {"confidence": [0.1, 0.9], "accuracy": [0.2]}
    job = write_job(tmp_path, "robustness-imagenet-r", "ce", 0, {"accuracy": 9.0}, provenance={"reliability": bins})
    profile = {"name": "one", "compares_with": "claims", "tolerance": 0.5, "data": DATA}
    (tmp_path / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": [job]}))
    assert "have not the same number of bins" in page_of(tmp_path)


def test_the_main_picture_stands_alone(runs, tmp_path, capsys):
    assert main(["picture", str(tmp_path / "claims.svg"), str(runs)]) == 0
    text = (tmp_path / "claims.svg").read_text()
    ElementTree.fromstring(text)
    assert "prefers-color-scheme: dark" in text
    jobs = [write_job(tmp_path, "lowshot-voc07", "ce", 0, {})]
    profile = {"name": "empty", "compares_with": "claims", "tolerance": 0.5, "data": DATA}
    (tmp_path / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    assert main(["picture", str(tmp_path / "none.svg"), str(tmp_path)]) == 2
    assert "has tested no claim" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address",
    [
        "lowshot/voc07/mopro/webvision-v1/k4",
        "lowshot/voc07/mopro/webvision-v1/k=4",
        "LowShot/VOC07/MoPro/WebVision-V1.0/K=4/",
        "mopro/lowshot-voc07/k4",
        "VOC07 k=4/MoPro",
    ],
)
def test_trace_finds_a_figure(runs, capsys, address):
    assert main(["trace", address, str(runs)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("lowshot/voc07/mopro/webvision-v1/k4: VOC07 k=4")
    assert "lowshot-voc07/mopro/webvision-v1/seed0: 54.0000 % (n = 5)" in printed
    assert "0123456789abcdef" in printed
    command = "python run_all.py --profile golden --only lowshot-voc07 --methods mopro --seeds 0"
    assert command in printed


def test_trace_says_what_a_figure_rests_on_and_how_to_make_it_again(tmp_path, capsys):
    parent = write_job(tmp_path, "pretrain", "mopro", 3, {"steps": 5})
    job = write_job(
        tmp_path,
        "accuracy-webvision",
        "mopro",
        3,
        {"top1": 60.0, "top5": 90.0},
        config={"crop": 28},
        data={"webvision": {"images": 41, "classes": 3, "names_sha256": "abc"}},
        provenance={"model_sha256": "def"},
        environment={"packages": {"torch": "2.13.0"}, "cuda": "none"},
    )
    jobs = [parent, job | {"needs": {"checkpoint": parent["name"]}}]
    profile = {"name": "mine", "compares_with": "claims", "tolerance": 0.5, "data": DATA}
    arguments = ["--profile", "my profile.yaml", "--set", "a.b=[1, 2]"]
    (tmp_path / PLAN_FILE).write_text(
        json.dumps({"profile": profile, "arguments": arguments, "tables": PLANNED, "jobs": jobs})
    )
    assert main(["trace", "accuracy/webvision/mopro/webvision-v1/top1", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for line in (
        "seed         3",
        "needs        pretrain/mopro/webvision-v1/seed3 pretrain/m",
        "data         webvision 41 images, sha256 abc",
        "data         model sha256 def",
        "packages     torch 2.13.0",
        "environment  python unknown, lock sha256 unknown, cuda none, ",
        'config       {"crop": 28}',
        "--profile 'my profile.yaml' --set 'a.b=[1, 2]' --only accuracy-webvision --methods mopro --seeds 3",
    ):
        assert line in printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("trace", "lowshot/voc07/mopra/webvision-v1/k4"), "the nearest is lowshot/voc07/mopro/webvision-v1/k4"),
        (("trace", "lowshot/mopro"), "fits 5 figures"),
        (("trace",), "the following arguments are required: FIGURE; see --help."),
        (("nowhere",), "nowhere holds no plan.json"),
        (("--unknown",), "unrecognized arguments: --unknown; see --help."),
    ],
)
def test_a_mistake_is_answered_with_one_sentence(runs, capsys, arguments, sentence):
    folder = (str(runs),) if len(arguments) == 2 else ()
    assert main([*arguments, *folder]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert sentence in error
    assert error.count("\n") == 1


def test_diff_tells_configuration_and_figures_apart(tmp_path, capsys):
    folders = [write_runs(tmp_path / name, "claims") for name in ("a", "b")]
    assert main(["diff", *map(str, folders)]) == 0
    printed = capsys.readouterr().out
    assert "Configuration: no difference." in printed
    assert "Figures: no difference." in printed
    plan = json.loads((folders[1] / PLAN_FILE).read_text())
    plan["profile"]["pretrain"] = {"epochs": 3}
    (folders[1] / PLAN_FILE).write_text(json.dumps(plan))
    for seed in range(3):
        write_job(folders[1], "accuracy-webvision", "ce", seed, {"top1": 80.0 + seed, "top5": 90.0 + seed})
    assert main(["diff", *map(str, folders)]) == 0
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert ["pretrain.epochs", "none", "3"] in rows
    assert [
        "accuracy/webvision/ce/webvision-v1/top1",
        "67.00 ± 2.48 (3)",
        "81.00 ± 2.48 (3)",
        "+14.00",
        "apart",
    ] in rows
    assert [
        "accuracy/webvision/ce/webvision-v1/top5",
        "90.00 ± 0.00 (3)",
        "91.00 ± 2.48 (3)",
        "+1.00",
        "overlap",
    ] in rows


def test_tables_alone_and_both_together(runs, tmp_path, capsys):
    copy = shutil.copytree(runs, tmp_path / "copy")
    (copy / "report.html").unlink()
    assert main(["tables", str(copy)]) == 0
    assert not (copy / "report.html").exists()
    assert main([str(copy)]) == 0
    assert f"Report: {copy / 'report.html'}" in capsys.readouterr().out
    assert (copy / "report.html").exists()


def test_two_records_of_one_figure_are_both_left_out(tmp_path, capsys):
    runs = write_runs(tmp_path, "claims")
    plan = json.loads((runs / PLAN_FILE).read_text())
    first = plan["jobs"][0]
    write_record(a_record("copy", first["tags"], {"top1": 66.0, "top5": 90.0}), runs / "copy")
    plan["jobs"].append(first | {"name": "copy", "identity": "copy", "folder": "copy"})
    (runs / PLAN_FILE).write_text(json.dumps(plan))
    results = read_results(runs)
    assert {first["name"], "copy"} <= set(results.missing)
    assert main(["tables", str(runs)]) == 0
    printed = capsys.readouterr().out
    assert f"Left out: The records {first['folder']}/record.json and copy/record.json are both of ce/" in printed
