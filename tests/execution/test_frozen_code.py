"""What runs is what was there when the command was given, whatever becomes of the checkout."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from core.errors import InputError
from execution import frozen
from execution.frozen import REPOSITORY, freeze, require_whole
from execution.task import Task
from tests.execution.test_executor import toy, wait_for
from tests.support.checkouts import copied_checkout, git
from tests.support.commands import command, environment


def program(checkout: Path, text: str, *arguments: object) -> subprocess.Popen:
    """Python at work in a checkout, with what a program of a test needs."""
    imports = """
import json, sys
from pathlib import Path
from core.declarations import Stage
from core.user_code import load
from execution.frozen import freeze
from execution.jobs import Job
from tests.execution.test_executor import run, toy
"""
    line = [sys.executable, "-c", imports + text, *map(str, arguments)]
    return subprocess.Popen(line, cwd=checkout, env=environment(), stdout=-1, text=True)


def frozen_code(checkout: Path, runs: Path, variables: dict | None = None) -> dict:
    """What a record would say, of a copy that a process of the checkout has made."""
    text = """
import pathlib, sys
from execution.frozen import freeze
print(freeze(pathlib.Path(sys.argv[1]), []).code.model_dump_json())
"""
    line = [sys.executable, "-c", text, str(runs)]
    run = subprocess.run(line, cwd=checkout, env=environment() | (variables or {}), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_a_copy_has_every_file_that_the_packages_need(tmp_path):
    """Of what git tracks, all in the packages but those of tests and benchmarks, and nothing else."""
    snapshot = freeze(tmp_path, [])
    tracked = git(REPOSITORY, "ls-files").splitlines()
    packages = {Path(name).parts[0] for name in tracked if name.endswith("/__init__.py")} - {"tests", "benchmarks"}
    expected = {name for name in tracked if Path(name).parts[0] in packages} | {"run_all.py", "requirements.lock"}
    there = {str(path.relative_to(snapshot.folder)) for path in snapshot.folder.rglob("*") if path.is_file()}
    assert expected <= there
    assert all((snapshot.folder / name).read_bytes() == (REPOSITORY / name).read_bytes() for name in expected)
    assert not there & {name for name in tracked if name.startswith(("tests/", "benchmarks/", "docs/"))}
    assert (tmp_path / "code" / str(snapshot.code.snapshot_sha256)).samefile(snapshot.folder)
    require_whole(snapshot.folder)
    assert freeze(tmp_path, []) == snapshot


def test_data_beside_the_code_is_no_part_of_it(tmp_path):
    checkout = copied_checkout(tmp_path / "checkout")
    before = frozen_code(checkout, tmp_path / "runs")
    (checkout / "data/imagenet").mkdir()
    (checkout / "data/imagenet/classes.txt").write_text("n01440764\n")
    (checkout / "data/weights.pt").write_bytes(bytes(10))
    assert frozen_code(checkout, tmp_path / "runs") == before


def freeze_with_others(runs: Path, barrier: Barrier, said: multiprocessing.Queue) -> None:
    barrier.wait(120)
    said.put(str(freeze(runs, []).folder))


def test_copies_that_are_made_at_once_are_one(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, said = context.Barrier(4), context.Queue()
    at_work = [context.Process(target=freeze_with_others, args=(tmp_path, barrier, said)) for _ in range(4)]
    for process in at_work:
        process.start()
    folders = {said.get(timeout=120) for _ in at_work}
    for process in at_work:
        process.join()
    assert folders == {str(folder) for folder in (tmp_path / "code").iterdir()} and len(folders) == 1
    require_whole(Path(*folders))


def test_the_difference_leads_from_the_commit_to_what_ran(tmp_path):
    checkout, runs = copied_checkout(tmp_path / "checkout"), tmp_path / "runs"
    commit = git(checkout, "rev-parse", "HEAD")
    clean = frozen_code(checkout, runs)
    assert (clean["commit"], clean["differs"], clean["difference"]) == (commit, False, None)
    (checkout / "README.md").write_text("No code.\n")
    assert frozen_code(checkout, runs) == clean
    (checkout / "core/seeds.py").write_text((checkout / "core/seeds.py").read_text() + "CHANGED = True\n")
    (checkout / "core/exhibits.py").unlink()
    (checkout / "core/new.py").write_text("NEW = 'é'\n")
    edited = frozen_code(checkout, runs)
    assert (edited["commit"], edited["differs"]) == (commit, True)
    assert edited["snapshot_sha256"] != clean["snapshot_sha256"]
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(checkout), str(other))
    git(other, "apply", str(runs / edited["difference"]))
    assert frozen_code(other, tmp_path / "elsewhere")["snapshot_sha256"] == edited["snapshot_sha256"]
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message=second")
    committed = frozen_code(checkout, runs)
    assert (committed["differs"], committed["snapshot_sha256"]) == (False, edited["snapshot_sha256"])
    copy = runs / "code" / edited["snapshot_sha256"]
    assert frozen_code(copy, tmp_path / "from-the-copy") == edited
    assert (tmp_path / "from-the-copy" / edited["difference"]).read_bytes() == (
        runs / edited["difference"]
    ).read_bytes()


def test_without_git_or_outside_of_it_nothing_is_known(tmp_path):
    checkout = copied_checkout(tmp_path / "outer/checkout")
    known = frozen_code(checkout, tmp_path / "runs")
    unknown = {"commit": None, "differs": None, "snapshot_sha256": known["snapshot_sha256"], "difference": None}
    assert frozen_code(checkout, tmp_path / "no-git", {"PATH": str(tmp_path)}) == unknown
    shutil.rmtree(checkout / ".git")
    assert frozen_code(checkout, tmp_path / "no-repository") == unknown
    git(tmp_path / "outer", "init", "--quiet")  # which is somebody else's
    git(tmp_path / "outer", "commit", "--quiet", "--allow-empty", "--message=other")
    assert frozen_code(checkout, tmp_path / "surrounded") == unknown


WAITING = """
def add(config, workspace):
    import time
    total = {increment} * config["number"]
    (workspace.folder / "begun").touch()
    while config["number"] == 1 and not (workspace.folder / "go").exists():
        time.sleep(0.05)
    from tests.support.lazily import ADDED
    return {{"sum": {{"value": total + ADDED, "unit": "", "n": 1}}}}
"""
JOBS = """
own = load(f"{sys.argv[2]}:add")
first = toy("first")
second = toy("second", number=2, needs=[first])
third = Job("third", Stage("own", f"{own.path}:add", own.sha256), {"number": 3}, needs={"first": first})
failures, _ = run([second, third], Path(sys.argv[1]))
print(json.dumps([failure.reason for failure in failures]))
"""


def test_the_checkout_and_a_users_file_may_change_while_jobs_wait(tmp_path):
    """Also what a stage imports only in its course, and when the command is given inside the checkout."""
    checkout, runs, own = copied_checkout(tmp_path / "checkout"), tmp_path / "runs", tmp_path / "own.py"

    def write(increment: int) -> None:
        for path in (checkout / "tests/support/toy_stages.py", own):
            path.write_text(WAITING.format(increment=increment))
        (checkout / "tests/support/lazily.py").write_text(f"ADDED = {100 * increment}\n")

    write(1)
    at_work = program(checkout, JOBS, runs, own)
    (begun,) = wait_for(lambda: list(runs.glob("first-*/begun")), 120)
    write(2)
    begun.with_name("go").touch()
    assert json.loads(at_work.communicate()[0]) == []
    sums = {path.parent.name[:-11]: json.loads(path.read_text()) for path in runs.glob("*/record.json")}
    assert {name: record["metrics"]["sum"]["value"] for name, record in sums.items()} == {
        "first": 101,
        "second": 102,
        "third": 103,
    }
    (code,) = {json.dumps(record["code"]) for record in sums.values()}
    (code,) = json.loads(code)
    assert code["differs"] is True and (runs / code["difference"]).exists()
    kept = runs / "code" / sums["third"]["provenance"]["stage"]["sha256"] / "own.py"
    assert kept.read_text() == WAITING.format(increment=1)


def test_a_copy_that_is_gone_or_changed_is_named(tmp_path):
    job = toy("first")
    snapshot = freeze(tmp_path, [job])
    (path,) = snapshot.folder.glob("core/seeds.py")
    path.chmod(0o644)
    path.write_text("")
    for said in ("no longer holds the code that it is named after", "with the code of this job is not there"):
        assert Task(job, tmp_path, snapshot=snapshot)() == 2
        error = json.loads((job.folder(tmp_path) / "error.json").read_text())
        assert error["sentence"].startswith(f"The folder {snapshot.folder} {said}: restore it from a backup")
        (job.folder(tmp_path) / "error.json").unlink()
        if path.exists():
            with pytest.raises(InputError, match="no longer holds the code"):
                freeze(tmp_path, [job])
            shutil.rmtree(snapshot.folder)
    freeze(tmp_path, [job])
    assert Task(job, tmp_path, snapshot=snapshot)() == 2
    assert f"has imported the suite from {REPOSITORY}" in (job.folder(tmp_path) / "error.json").read_text()


def test_to_go_on_with_other_code_is_a_decision(tmp_path):
    checkout, runs = copied_checkout(tmp_path / "checkout"), tmp_path / "runs"
    arguments = command(runs, "--only", "miniature", miniature__webvision__images="3000")[2:]

    def call(script: Path, *more: str) -> subprocess.CompletedProcess:
        line = [sys.executable, str(script), *arguments, *more]
        return subprocess.run(line, env=environment(), capture_output=True, text=True)

    begun = subprocess.Popen([sys.executable, str(checkout / "run_all.py"), *arguments], env=environment(), stdout=-1)
    (starts,) = wait_for(lambda: list(runs.glob("mini/miniature/*/starts.json")), 120)
    begun.kill()
    begun.communicate()
    first = json.loads(starts.read_text())["code"][0]
    assert "half done" not in call(checkout / "run_all.py", "--dry-run").stdout
    (checkout / "core/seeds.py").write_text((checkout / "core/seeds.py").read_text() + "CHANGED = True\n")
    copy = runs / "mini/code" / first["snapshot_sha256"]
    said = f"miniature/seed0 is half done or queued with other code than that of {checkout}, namely {copy}: go on"
    assert said in call(checkout / "run_all.py", "--dry-run").stdout
    refused = call(checkout / "run_all.py")
    assert refused.returncode == 2 and said in refused.stderr and refused.stderr.count("\n") == 1
    both = shutil.copytree(runs, tmp_path / "both")
    theirs = call(copy / "run_all.py")
    assert theirs.returncode == 0, theirs.stderr
    (record,) = (json.loads(path.read_text()) for path in runs.glob("mini/miniature/*/record.json"))
    assert record["code"] == [first]
    assert [start["end"] for start in record["cost"]["starts"]] == ["killed", "done"]
    arguments[arguments.index(str(runs))] = str(both)
    new = call(checkout / "run_all.py", "--code", "new")
    assert new.returncode == 0, new.stderr
    (record,) = (json.loads(path.read_text()) for path in both.glob("mini/miniature/*/record.json"))
    assert [code["snapshot_sha256"] == first["snapshot_sha256"] for code in record["code"]] == [True, False]
    assert [start["code"] for start in record["cost"]["starts"]] == [0, 1]


def test_to_look_whether_the_code_is_the_same_takes_no_time(tmp_path):
    """Hundredths of a second of the processor's, whose other users must not matter here."""
    freeze(tmp_path, [])
    began = time.process_time()
    for _ in range(5):
        frozen.digest_of_code([])
    assert (time.process_time() - began) / 5 < 0.1


def test_the_system_may_refuse_to_write_a_copy(tmp_path):
    (tmp_path / "code").write_text("a file where the folder belongs")
    with pytest.raises(OSError):
        freeze(tmp_path, [])
    assert os.listdir(tmp_path) == ["code"]
