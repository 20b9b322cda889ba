"""Tables for papers: LaTeX for booktabs alone, Markdown for GitHub, CSV and data frames in long form."""

import json
import re
import shutil
import subprocess

import pandas
import pytest

from core.errors import InputError
from results.frame import read_table
from results.latex import BETWEEN, escaped, latex
from results.plan import read_results
from results.writing import write_tables
from tests.support.result_runs import write_job, write_runs

HOSTILE = r"50% & more_or_less #1 $x$ {y} ~z^2 \input ± <b> | – →"
CELLS = [
    {"Method": "MoPro", **{f"A rather long header, number {number}": "12.34 ± 0.56 (5)" for number in range(10)}},
    {"Method": HOSTILE, **{f"A rather long header, number {number}": "not run" for number in range(10)}},
]
TEX = shutil.which("pdflatex") or shutil.which("xelatex") or shutil.which("tectonic")


def structure(table: str) -> list[int]:
    """Cells in every line of a table's tabulars, after a check of each one's frame."""
    title, *parts = re.split(r"^(?=\{\\[a-z]+\\setlength)", table, flags=re.MULTILINE)
    assert title.startswith("% ") and title.count("\n") == 1
    assert parts
    return [count for part in parts for count in structure_of_a_part(part.removesuffix(BETWEEN + "\n").splitlines())]


def structure_of_a_part(lines: list[str]) -> list[int]:
    assert re.fullmatch(r"\{\\[a-z]+\\setlength\{\\tabcolsep\}\{3pt\}%", lines[0])
    columns = re.fullmatch(r"\\begin\{tabular\}\{(lr*)\}", lines[1])
    assert columns
    if lines[3].startswith(r"\multicolumn"):
        assert re.fullmatch(rf"\\multicolumn\{{{len(columns[1])}\}}\{{l\}}\{{Pretraining set: .*\}} \\\\", lines[3])
        del lines[3:5]
    assert [lines[2], lines[4], *lines[-2:]] == [r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}}"]
    counts = []
    for line in (lines[3], *lines[5:-2]):
        assert line.endswith(r" \\")
        counts.append(len(re.split(r"(?<!\\)&", line)))
    assert set(counts) == {len(columns[1])}
    return counts


def test_a_wide_table_is_turned_and_every_line_has_its_cells():
    assert structure(latex("Wide", CELLS)) == [3] * 11
    narrow = [{"Claim": "MoPro above CE", "n": str(number)} for number in range(7)]
    assert structure(latex("Narrow", narrow)) == [2] * 8


def test_what_means_something_to_tex_is_escaped():
    text = escaped(HOSTILE)
    assert text == (
        r"50\% \& more\_or\_less \#1 \$x\$ \{y\} \textasciitilde{}z\textasciicircum{}2 \textbackslash{}input "
        r"\ensuremath{\pm} \ensuremath{<}b\ensuremath{>} \ensuremath{|} -- \ensuremath{\rightarrow}"
    )
    assert text.isascii()


@pytest.mark.parametrize("compares_with", ["paper", "claims"])
def test_every_table_has_the_structure(tmp_path, compares_with):
    runs = write_runs(tmp_path, compares_with)
    write_tables(read_results(runs), runs)
    tables = list((runs / "tables").glob("*.tex"))
    assert tables
    for path in tables:
        structure(path.read_text())


@pytest.mark.skipif(TEX is None, reason="no TeX is installed")
def test_tex_compiles_it_with_booktabs_alone(tmp_path):
    runs = write_runs(tmp_path, "paper")
    write_tables(read_results(runs), runs)
    tables = [latex("Wide", CELLS), *(path.read_text() for path in (runs / "tables").glob("*.tex"))]
    body = "\n\n".join(f"\\noindent\n{table}" for table in tables)
    document = f"\\documentclass{{article}}\n\\usepackage{{booktabs}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "tables-of-a-paper.tex").write_text(document)
    command = [TEX] if TEX.endswith("tectonic") else [TEX, "-interaction=nonstopmode", "-halt-on-error"]
    run = subprocess.run([*command, "tables-of-a-paper.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-2000:]
    assert "Overfull" not in run.stdout


def test_markdown_keeps_a_hostile_name_inside_its_cell(tmp_path):
    runs = write_runs(tmp_path, "claims")
    job = write_job(runs, "accuracy-webvision", "a|b<i>", 0, {"top1": 1.0, "top5": 2.0})
    content = json.loads((runs / "plan.json").read_text())
    content["jobs"].append(job)
    (runs / "plan.json").write_text(json.dumps(content))
    printed = write_tables(read_results(runs), runs)
    lines = [line for line in printed.splitlines() if line.startswith("| a") and "accuracy" not in line]
    assert len(lines) == 2  # of two tables
    assert all(line.startswith(r"| a\|b&lt;i> ") for line in lines)


def test_csv_has_one_row_a_figure(tmp_path):
    runs = write_runs(tmp_path, "paper")
    write_tables(read_results(runs), runs)
    frame = pandas.read_csv(runs / "tables/accuracy.csv")
    assert list(frame.columns) == [
        *("table", "method", "set", "figure", "paper", "paper_other", "status"),
        *("mean", "spread", "n", "low", "high", "images_low", "images_high"),
        *("verdict", "addition", "fitted", "not_converged"),
    ]
    (row,) = frame[(frame.method == "CE") & (frame.figure == "WebVision top-1")].to_dict("records")
    assert (row["paper"], row["status"], row["mean"], row["n"]) == (66.4, "secondary", 67.0, 3)
    assert (row["low"], row["high"], row["verdict"]) == (
        pytest.approx(64.516, abs=1e-3),
        pytest.approx(69.484, abs=1e-3),
        "undecided",
    )
    lowshot = pandas.read_csv(runs / "tables/lowshot.csv")
    assert lowshot[lowshot.method == "CE"]["mean"].isna().all()
    assert lowshot[lowshot.method == "MoPro"].spread.tolist() == [2.5] * 5


@pytest.mark.parametrize("name", ["accuracy", "lowshot", "claims", "single-figures", "gain"])
def test_every_table_is_also_a_data_frame(tmp_path, name):
    runs = write_runs(tmp_path, "claims")
    write_tables(read_results(runs), runs)
    written = pandas.read_csv(runs / f"tables/{name}.csv")
    as_text = [frame.astype(object).fillna("").astype(str) for frame in (read_table(runs, name), written)]
    pandas.testing.assert_frame_equal(*as_text)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="has no table nothing: choose one of accuracy, lowshot, claims"):
        read_table(write_runs(tmp_path, "claims"), "nothing")
