"""An archive of a reproduction: what is in it, that it serves as the folder does, and that a hostile one is refused."""

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from results import unpack
from results.__main__ import main
from results.plan import read_results
from results.writing import table_files
from tests.support.sound_runs import CODE, DIFFERENCE, MODEL_FILE, OUTPUT_FILE, write_sound


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """Tests must not write into it."""
    return write_sound(tmp_path_factory.mktemp("sound") / "mini")


@pytest.fixture(scope="module")
def archive(sound) -> Path:
    """As the command writes it where it is told no place."""
    assert main(["pack", str(sound)]) == 0
    return sound.with_name("mini.tar.gz")


def test_it_holds_what_a_reviewer_needs_and_no_weights(sound, archive):
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        assert all(member.isreg() and member.uid == member.mtime == 0 for member in tar)
    jobs = len(read_results(sound).jobs)
    count = {name: sum(it.endswith(f"/{name}") for it in names) for name in ("record.json", "log.txt", OUTPUT_FILE)}
    assert names == sorted(names) and count["record.json"] == count["log.txt"] == jobs and 0 < count[OUTPUT_FILE] < jobs
    assert not any(MODEL_FILE in name for name in names)
    folder = f"mini/code/{CODE['snapshot_sha256']}"
    assert {f"mini/{DIFFERENCE}", f"{folder}/code.json", f"{folder}/requirements.lock", "mini/plan.json"} <= set(names)
    assert f"{folder}/run_all.py" not in names and "mini/tables/accuracy.md" in names


def test_the_same_files_give_the_same_bytes(sound, archive, tmp_path):
    for path in sound.rglob("*"):
        os.utime(path, (1, 1))
    assert main(["pack", str(sound), "--to", str(tmp_path / "again.tar.gz")]) == 0
    assert (tmp_path / "again.tar.gz").read_bytes() == archive.read_bytes()


def test_a_name_that_promises_another_format_is_refused(sound, tmp_path, capsys):
    assert main(["pack", str(sound), "--to", str(tmp_path / "mini.zip")]) == 2
    assert "mini.zip, expected a name that ends in .tar.gz" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_logs_name_no_place_of_the_user(sound, archive):
    with tarfile.open(archive) as tar:
        logs = [tar.extractfile(it).read().decode() for it in tar if it.name.endswith("log.txt")]
    assert all("written to <runs>/tables and ~/.cache/x" in log and str(sound) not in log for log in logs)


def test_unpacked_anywhere_it_serves_as_the_folder_does(sound, archive, tmp_path, capsys):
    subprocess.run(["tar", "xzf", archive, "-C", tmp_path], check=True)
    assert table_files(read_results(tmp_path / "mini")) == table_files(read_results(sound))
    assert main(["audit", str(archive)]) == 0
    of_archive = capsys.readouterr().out
    assert main(["audit", str(tmp_path / "mini")]) == 0
    assert capsys.readouterr().out == of_archive
    assert main(["tables", str(tmp_path / "mini")]) == 0
    assert main(["audit", str(tmp_path / "mini")]) == 0


def test_what_is_wrong_in_an_archive_is_named_by_its_place_there(tmp_path, capsys):
    runs = write_sound(tmp_path / "mini")
    record = next(runs.glob("lowshot-voc07/mopro/*/*/record.json"))
    record.write_text(record.read_text().replace('"unit": "%"', '"unit": "points"', 1))
    assert main(["pack", str(runs)]) == 0 and main(["audit", f"{runs}.tar.gz"]) == 1
    place = f"{runs}.tar.gz/{record.relative_to(runs)}"
    assert f"The record {place} was edited after it was written" in capsys.readouterr().out


def test_outputs_that_are_not_there_are_named(tmp_path, capsys):
    runs = write_sound(tmp_path / "mini")
    next(runs.rglob(OUTPUT_FILE)).unlink()
    assert main(["pack", str(runs)]) == 0
    assert "1 outputs that records name are not there, such as accuracy-" in capsys.readouterr().out


@pytest.fixture(scope="module")
def records(sound) -> Path:
    """An archive of the records alone."""
    archive = sound.with_name("records.tar.gz")
    assert main(["pack", str(sound), "--to", str(archive), "--records-alone"]) == 0
    return archive


def test_records_alone_give_all_tables_and_pass_an_audit(sound, records, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with tarfile.open(records) as tar:
        kinds = {Path(name).name for name in tar.getnames()} - {"code.json", Path(DIFFERENCE).name, "requirements.lock"}
    assert kinds == {"plan.json", "record.json"}
    assert main([str(records)]) == 0
    assert f"Tables: {Path('runs/archives/records/tables')}" in capsys.readouterr().out
    written = {path.name: path.read_text() for path in Path("runs/archives/records/tables").iterdir()}
    assert written == table_files(read_results(sound)) and Path("runs/archives/records/report.html").is_file()
    assert main(["audit", str(records)]) == 0
    answers = capsys.readouterr().out
    assert "outputs, none of which is here" in answers and "as the outputs that records name are not here" in answers


ANSWERED = [["trace", "accuracy/imagenet/mopro/webvision/top1"], ["rescore"], ["compare", "mopro", "ce"], ["summary"]]


@pytest.mark.parametrize("command", ANSWERED, ids=lambda it: it[0])
def test_an_archive_answers_as_its_folder_does(command, sound, archive, capsys):
    assert main([*command, str(archive)]) == 0
    of_archive = capsys.readouterr().out
    assert main([*command, str(sound)]) == 0
    assert of_archive.replace(str(archive), str(sound)) == capsys.readouterr().out


def test_without_outputs_nothing_is_computed_and_nothing_called_altered(records, capsys):
    assert main(["rescore", str(records)]) == 0
    assert "0 figures of 0 records are equal" in (said := capsys.readouterr().out) and "Differs" not in said
    assert main(["compare", "mopro", "ce", str(records)]) == 0
    assert "output not here" in (said := capsys.readouterr().out) and "altered" not in said


def test_a_mistake_about_an_archive_names_the_archive(tmp_path, capsys):
    archive = written(tmp_path / "none.tar.gz", a_file("mini/record.json"))
    assert main(["tables", str(archive)]) == 2
    assert f"error: {archive} holds no plan.json" in capsys.readouterr().err


def written(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return path


def a_file(name: str, content: bytes = b"{}", **changes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in changes.items():
        setattr(member, key, value)
    return member, content


HOSTILE = {
    "mini/../../outside": [a_file("mini/../../outside")],
    "an absolute name": [a_file("/tmp/outside")],
    "no folder": [a_file("plan.json")],
    "a dot": [a_file("./plan.json")],
    "a symbolic link": [a_file("mini/plan.json", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
    "a hard link": [a_file("mini/plan.json", b"", type=tarfile.LNKTYPE, linkname="mini/record.json")],
    "a device": [a_file("mini/plan.json", b"", type=tarfile.CHRTYPE)],
    "a folder that is a link": [a_file("mini/a", b"", type=tarfile.SYMTYPE, linkname="/tmp"), a_file("mini/a/b")],
    "two folders": [a_file("mini/a"), a_file("other/a")],
    "a name twice": [a_file("mini/a"), a_file("mini/a")],
    "a file as a folder": [a_file("mini/a"), a_file("mini/a/b")],
    "a folder as a file": [a_file("mini/a/b"), a_file("mini/a")],
    "a name as long as a book": [a_file(f"mini/{'a/' * (1 << 20)}a")],
    "nothing": [],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_archive_is_refused_in_a_sentence(kind, tmp_path, capsys):
    (tmp_path / "tmp").mkdir()
    archive = written(tmp_path / "hostile.tar.gz", *HOSTILE[kind])
    before = sorted(Path("/tmp").glob("outside*"))
    assert main(["audit", str(archive)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: The archive {archive} is not opened, as it ") and error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == [archive, tmp_path / "tmp"] and sorted(Path("/tmp").glob("outside*")) == before


@pytest.mark.parametrize("limit", ["LARGEST_FILE", "LARGEST_ARCHIVE", "MOST_FILES"])
def test_what_is_too_large_is_refused(archive, monkeypatch, capsys, limit):
    monkeypatch.setattr(unpack, limit, 100)
    assert main(["audit", str(archive)]) == 2
    assert "too large" in capsys.readouterr().err


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch, capsys):
    """A file that says that it is small, and one whose bytes never end, are read as far as they may be."""
    member, _ = a_file("mini/plan.json")
    member.size = 1 << 33
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(member.tobuf() + bytes(1 << 20)))
    assert main(["audit", str(tmp_path / "bomb.tar.gz")]) == 2
    assert "of 8,589,934,592 bytes, which is too large" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no archive", mtime=0), None])
def test_what_is_no_archive_is_told_in_a_sentence(content, archive, tmp_path, capsys):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(archive.read_bytes()[:-5000] if content is None else content)
    assert main(["audit", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and str(path) in error and error.count("\n") == 1 and "defect" not in error


def test_an_archive_that_is_not_there(tmp_path, capsys):
    assert main(["audit", str(tmp_path / "none.tar.gz")]) == 2
    assert "none.tar.gz cannot be used (No such file or directory)" in capsys.readouterr().err
