"""The environment: what the project asks for, what the lock file pins, and the Pythons for which make sets it up."""

import ast
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from core.extras import EXTRAS, IMAGES
from tests.support import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
INSTALLED = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
SERVED = ("3.11", "3.12", "3.13")
SYSTEMS = ("linux", "darwin")


def required(*extras: str) -> list[Requirement]:
    """By the project itself, and by some of its extras."""
    of_extras = PROJECT["project"]["optional-dependencies"]
    lines = PROJECT["project"]["dependencies"] + [line for extra in extras for line in of_extras[extra]]
    return [Requirement(line) for line in lines]


def locked() -> list[Requirement]:
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]


def version_of(pin: Requirement) -> Version:
    (exactly,) = pin.specifier
    assert exactly.operator == "=="
    return Version(exactly.version)


def test_every_package_is_locked_once():
    names = [canonicalize_name(pin.name) for pin in locked()]
    assert len(set(names)) == len(names) > 50
    assert all(version_of(pin) for pin in locked())


@pytest.mark.parametrize("python", SERVED)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_lock_file_serves_every_python(python, system):
    """Its lines name the Pythons and systems that it was made for: with another one, pip would pass over them."""
    where = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system}
    assert python in SpecifierSet(PROJECT["project"]["requires-python"])
    assert all(pin.marker is None or pin.marker.evaluate(where) for pin in locked())


def test_the_lock_file_has_what_the_project_asks_for():
    pins = {canonicalize_name(pin.name): version_of(pin) for pin in locked()}
    for requirement in required(*PROJECT["project"]["optional-dependencies"]):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_what_is_installed_here_finds_all_that_it_asks_for_in_the_lock_file():
    """Of this Python and system; less what pyproject.toml says is not needed."""
    without = {it["name"]: it["requires-dist"] for it in PROJECT["tool"]["uv"]["dependency-metadata"]}
    pins = {canonicalize_name(pin.name): version_of(pin) for pin in locked()}
    for name in pins:
        lines = without.get(name) if name in without else importlib.metadata.requires(name)
        for requirement in map(Requirement, lines or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted = canonicalize_name(requirement.name)
                assert wanted in pins and pins[wanted] in requirement.specifier, f"{name} asks for {requirement}"


def imported(paths: list[Path]) -> set[str]:
    """Packages that files import, anywhere in them, but Python's own and the suite's."""
    names = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {Path(name).stem for name in INSTALLED}


def distributions(modules: set[str]) -> set[str]:
    """Names of the packages that modules come from."""
    of_modules = importlib.metadata.packages_distributions()
    return {canonicalize_name(name) for module in modules for name in of_modules[module]}


def test_the_project_asks_for_exactly_what_it_imports():
    paths = [path for name in INSTALLED for path in (REPOSITORY / name).rglob("*.py")]
    asked_for = {canonicalize_name(it.name) for it in required(*EXTRAS)}
    of_another = {"pydantic-core"}  # comes with pydantic, in the version that it needs
    used_by_name = {"tensorboard", "mmcv-lite"}  # by torch; by mmdet and transfer/detection
    assert distributions(imported(paths)) - of_another | used_by_name == asked_for


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_the_modules_that_are_missed_without_it(extra):
    brought = {canonicalize_name(it.name) for it in required(extra)}
    assert distributions(set(EXTRAS[extra])) <= brought
    assert not distributions(set(EXTRAS[extra])) & {canonicalize_name(it.name) for it in required()}


def test_the_sources_of_images_are_called_as_their_packages():
    assert {module: distributions({module}) for module in IMAGES} == {it: {name} for it, name in IMAGES.items()}


def test_a_system_may_know_fewer_errors_than_linux():
    """As macOS does."""
    program = "import errno; del errno.EREMOTEIO; import core.errors"
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY).returncode == 0


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Of the environment, as if nothing were installed; nothing is touched before a Python was found."""
    return subprocess.run(
        ["make", "--always-make", *arguments, "environment"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_make_takes_the_newest_python_that_runs(tmp_path):
    """A name of a newer one that leads nowhere, as version managers leave them, is passed over."""
    for name, content in (("python3.13", "exit 127"), ("python3.12", f'exec {sys.executable} "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{content}\n")
        (tmp_path / name).chmod(0o755)
    done = make("--dry-run", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert f'"{tmp_path}/python3.12" -m venv' in done.stdout and 'python3.13" -m venv' not in done.stdout


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/false", "", "/no where/python"])
def test_make_says_which_pythons_serve(python):
    done = make(f"PYTHON={python}", PATH="/usr/bin:/bin")
    assert done.returncode == 2 and "error: Python 3.11, 3.12 or 3.13 is needed" in done.stdout
