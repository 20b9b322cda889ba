"""The floors of the house: what may stand on what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "core": set(),
    "results": {"core"},
    "data": {"core"},
    "slurm": {"core", "results"},
    "pretrain": {"core", "data"},
    "transfer": {"core", "data", "pretrain"},
    "robustness": {"core", "data", "pretrain"},
    "profiles": {"core", "data", "pretrain", "transfer", "robustness", "results", "slurm"},
    "commands": {"core", "data", "profiles", "results", "slurm"},
    "benchmarks": {"core", "data", "pretrain", "transfer", "robustness", "profiles", "results", "slurm"},
}
LIGHT = (
    "run_all",
    "commands.reproduce",
    "commands.selection",
    "commands.requirements",
    "commands.status",
    "commands.cancel",
    "commands.verify",
    "slurm.watching",
    "profiles.expand",
    "profiles.load",
    "results.writing",
    "slurm.local",
    "slurm.task",
)


def imported_modules(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def imported_packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported_modules(path)}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_stands_on_lower_floors_alone(package):
    for path in (REPOSITORY / package).rglob("*.py"):
        found = imported_packages(path) & (MAY_IMPORT.keys() | {"run_all"})
        assert found <= MAY_IMPORT[package] | {package}, path


def test_what_ships_behind_a_door_is_imported_by_nobody_else():
    """A folder of a method that ships knows the others' modules as little as anything outside does."""
    doors = REPOSITORY / "pretrain/methods"
    folders = [path.parent for path in doors.glob("*/__init__.py")]
    assert folders
    for path in (
        file for package in MAY_IMPORT if package != "benchmarks" for file in (REPOSITORY / package).rglob("*.py")
    ):
        for folder in folders:
            module = ".".join(folder.relative_to(REPOSITORY).parts)
            if folder not in path.parents and path != doors / "registry.py":
                assert not [name for name in imported_modules(path) if name.startswith(module)], (path, module)


def test_nothing_imports_the_command():
    assert not any(
        "run_all" in imported_packages(path) for path in REPOSITORY.glob("*/*.py") if "tests" not in str(path)
    )


@pytest.mark.parametrize("module", LIGHT)
def test_planning_and_tables_do_not_import_torch(module):
    program = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY).returncode == 0


def test_help_waits_for_no_validation_of_profiles():
    program = "import sys, commands.reproduce; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY).returncode == 0


def test_every_package_is_described():
    for path in REPOSITORY.glob("*/__init__.py"):
        assert path.parent.name == "tests" or ast.get_docstring(ast.parse(path.read_text())), path
