"""The floors of the house: what may stand on what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from core.declarations import columns_of, tables_of
from profiles.registry import DATA_SETS, EVALUATIONS
from results.plan import TRAINING_SETS

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


def imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_stands_on_lower_floors_alone(package):
    for path in (REPOSITORY / package).rglob("*.py"):
        found = imported_packages(path) & (MAY_IMPORT.keys() | {"run_all"})
        assert found <= MAY_IMPORT[package] | {package}, path


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


# What ships is registered with a door, the module that declares it, and lives in that module's folder.
REGISTERED = {
    "evaluation": {it.id: (it.work.__module__, {it.id, it.key}) for it in EVALUATIONS},
}
OPEN = ("tests", "benchmarks", "examples")  # who may look behind doors, and name what ships
UNDER_WAY = ("results.definitions",)  # its titles and published names are on their way into the profile
FIGURES = {column.metric for column in columns_of(tables_of(EVALUATIONS)).values()}  # some are called as what ships is


def homes(kind: str) -> dict[str, set[str]]:
    """Folders, as packages, of what ships of a kind, with the doors in each."""
    found: dict[str, set[str]] = {}
    for door, _ in REGISTERED[kind].values():
        found.setdefault(door.rpartition(".")[0], set()).add(door)
    return found


def modules() -> dict[str, Path]:
    paths = [path.relative_to(REPOSITORY) for name in MAY_IMPORT for path in (REPOSITORY / name).rglob("*.py")]
    return {".".join(path.with_suffix("").parts): REPOSITORY / path for path in paths if path.parts[0] not in OPEN}


def imported_modules(path: Path) -> set[str]:
    """Whole names of what a file imports: of ``from a.b import c``, both ``a.b`` and ``a.b.c``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def literals(path: Path) -> set[str]:
    """Text in a file that is not documentation."""
    tree = ast.parse(path.read_text())
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone)
    return {node.value for node in constants if isinstance(node.value, str)}


@pytest.mark.parametrize("kind", REGISTERED)
def test_what_ships_is_entered_by_its_door_alone(kind):
    known = modules()
    for home, doors in homes(kind).items():
        behind = {name for name in known if name.startswith(f"{home}.")} - doors
        for name, path in known.items():
            if not name.startswith(f"{home}."):
                assert not imported_modules(path) & behind, (name, "imports past", doors)


@pytest.mark.parametrize("key", [spec.key for spec in DATA_SETS])
def test_a_data_set_is_entered_by_its_declaration_and_its_reader_alone(key):
    (checks,) = (spec.checks for spec in DATA_SETS if spec.key == key)
    home = checks.rpartition(".")[0]
    for name, path in modules().items():
        inside = {it for it in imported_modules(path) if it.startswith(f"{home}.") and it.count(".") == 3}
        if not name.startswith("data."):
            assert inside <= {f"{home}.spec", f"{home}.reader"}, (name, "imports past the door")


def test_what_runs_and_shows_jobs_names_no_data_set():
    keys = {spec.key for spec in DATA_SETS}
    for name, path in modules().items():
        if name.startswith(("commands.", "slurm.", "core.", "results.")) and not name.startswith(UNDER_WAY):
            may = {TRAINING_SETS} if name == "results.plan" else set()
            assert literals(path) & keys <= may, name


@pytest.mark.parametrize("kind", REGISTERED)
def test_what_ships_is_named_at_home_alone(kind):
    for door, names in REGISTERED[kind].values():
        home = door.rpartition(".")[0]
        for name, path in modules().items():
            if not name.startswith((f"{home}.", *UNDER_WAY)) and ".miniature" not in name:
                assert not literals(path) & (names - FIGURES), (name, "names what is at home in", home)
