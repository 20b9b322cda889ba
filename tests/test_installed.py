"""The suite as pip installs it: one folder, two commands, the same code as in the checkout."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from execution.frozen import digest_of_code
from tests.support import REPOSITORY
from tests.support.commands import REDUCED, environment

RESULTS, RUN_ALL = "results", "run_all"
HIDDEN = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in {names!r} else find(name, *rest)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with what the wheel holds, as in site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(line, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = folder.glob("mopro_reproduction-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def installed(site: Path, where: Path, command: str, *arguments: str, without: tuple[str, ...] = ()):
    """Call a command as its script in an environment's ``bin`` does, in a folder, without some modules."""
    program = f"from mopro_reproduction.commands.installed import {command}\n{command}()"
    line = [sys.executable, "-P", "-c", HIDDEN.format(names=without) + program, *arguments]
    variables = environment() | {"PYTHONPATH": str(site)}
    return subprocess.run(line, cwd=where, env=variables, capture_output=True, text=True)


def test_one_name_is_taken_in_site_packages(site):
    names = {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"mopro_reproduction"}


def test_the_wheel_holds_the_code_that_a_checkout_freezes(site):
    """With profiles, templates and tables: the copies that jobs run are called the same."""
    program = "from execution.frozen import digest_of_code; print(digest_of_code([]))"
    variables = environment() | {"PYTHONPATH": str(site / "mopro_reproduction")}
    line = [sys.executable, "-P", "-c", program]
    done = subprocess.run(line, cwd=site, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest_of_code([])


def test_every_file_of_the_packages_is_in_the_wheel(site):
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    tops = {path.name for path in (site / "mopro_reproduction").iterdir()}
    expected = {name for name in tracked.splitlines() if name.partition("/")[0] in tops}
    assert {"run_all.py", "profiles/mini.yaml", "results/report/page.html"} <= expected
    assert all((site / "mopro_reproduction" / name).exists() for name in expected)


def test_the_commands_are_those_of_a_checkout(site, tmp_path):
    runs = ("--runs", str(tmp_path / "runs"))
    here = subprocess.run(
        [sys.executable, "run_all.py", "--dry-run", *runs], cwd=REPOSITORY, capture_output=True, text=True
    )
    there = installed(site, tmp_path, RUN_ALL, "--dry-run", *runs)
    assert there.returncode == here.returncode == 0, there.stderr
    assert there.stdout == here.stdout and "jobs" in there.stdout
    assert installed(site, tmp_path, RUN_ALL, "status", *runs).stdout.endswith("not started.\n")
    schema = installed(site, tmp_path, RESULTS, "schema")
    assert json.loads(schema.stdout) == json.loads((REPOSITORY / "docs/record.schema.json").read_text())


def test_jobs_run_a_copy_of_the_installed_code(site, tmp_path):
    """In processes of their own that import nothing from where it was installed."""
    overrides = [part for key, value in REDUCED.items() for part in ("--set", f"{key}={value}")]
    done = installed(site, tmp_path, RUN_ALL, *overrides, "--only", "untrained", without=("matplotlib", "mmdet"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs/mini/code" / digest_of_code([])).is_dir()
    assert "No report: The report cannot be had: the Python package matplotlib is not installed" in done.stdout
    assert not (tmp_path / "runs/mini/report.html").exists()


@pytest.mark.parametrize(
    ("command", "arguments", "module", "extra"),
    [
        (RUN_ALL, ("--only", "detection"), "mmdet", "detection"),
        (RUN_ALL, ("--cluster", "slurm"), "submitit", "slurm"),
        (RUN_ALL, ("doctor",), "submitit", "slurm"),
        (RESULTS, ("picture", "claims.svg"), "matplotlib", "report"),
    ],
)
def test_what_needs_an_extra_names_it(site, tmp_path, command, arguments, module, extra):
    done = installed(site, tmp_path, command, *arguments, without=(module,))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"the Python package {module} is not installed" in done.stderr
    assert f"pip install '.[{extra}]'" in done.stderr


def test_the_miniature_says_whose_images_are_missing(site, tmp_path):
    done = installed(site, tmp_path, RUN_ALL, "--only", "pretrain", without=("animal_mnist",))
    assert done.returncode == 2 and "pip install --no-deps" in done.stderr and not (tmp_path / "runs").exists()
