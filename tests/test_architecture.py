"""The floors of the house: what may stand on what."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import pretrain.layouts
from core.declarations import columns_of, tables_of
from data.sets.imagenet import spec as imagenet
from pretrain.layouts import NAMES as LAYOUTS
from pretrain.methods.registry import BY_OBJECTIVE
from profiles.registry import DATA_SETS, EVALUATIONS
from results.plan import TRAINING_SETS
from tests.support import REPOSITORY

MAY_IMPORT = {
    "core": set(),
    "metrics": {"core"},
    "results": {"core", "metrics"},
    "data": {"core"},
    "execution": {"core", "results"},
    "slurm": {"core", "results", "execution"},
    "pretrain": {"core", "metrics", "data"},
    "transfer": {"core", "metrics", "data", "pretrain"},
    "robustness": {"core", "metrics", "data", "pretrain"},
    "profiles": {"core", "data", "pretrain", "transfer", "robustness", "results", "execution", "slurm"},
    "commands": {"core", "data", "pretrain", "profiles", "results", "execution", "slurm"},
    "benchmarks": {
        "core",
        "metrics",
        "data",
        "pretrain",
        "transfer",
        "robustness",
        "profiles",
        "results",
        "execution",
        "slurm",
    },
}
LIGHT = (
    "run_all",
    "commands.reproduce",
    "commands.evaluate",
    "commands.running",
    "commands.selection",
    "commands.requirements",
    "commands.status",
    "commands.cancel",
    "commands.verify",
    "commands.data_prepare",
    "commands.export",
    "commands.audit",
    "commands.data_fetch",
    "commands.doctor",
    "slurm.watching",
    "profiles.expand",
    "profiles.load",
    "profiles.checkpoint_profile",
    "results.writing",
    "results.rescore",
    "results.paired",
    "execution.local",
    "execution.task",
)


def imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names}


ENTRY = "__main__.py"  # a command line, which nothing imports: it may hand over to a command, as run_all.py does


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_stands_on_lower_floors_alone(package):
    for path in (REPOSITORY / package).rglob("*.py"):
        found = imported_packages(path) & (MAY_IMPORT.keys() | {"run_all"})
        assert found <= MAY_IMPORT[package] | {package} | ({"commands"} if path.name == ENTRY else set()), path


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


def home_of(door: str) -> str:
    """The folder, as a package, of a module."""
    return door.rpartition(".")[0]


# What ships is declared in a module, its door, and lives in that module's folder. A data set's reader is a door too.
METHOD_DOORS = {objective: method.__module__ for objective, method in BY_OBJECTIVE.items()}
EVALUATION_DOORS = {it.id: it.work.__module__ for it in EVALUATIONS}
DATA_SET_HOMES = {home_of(spec.checks.partition(":")[0]) for spec in DATA_SETS}
DOORS = {
    home: {door for door in (*METHOD_DOORS.values(), *EVALUATION_DOORS.values()) if home_of(door) == home}
    for home in map(home_of, (*METHOD_DOORS.values(), *EVALUATION_DOORS.values()))
} | {home: {f"{home}.spec", f"{home}.reader"} for home in DATA_SET_HOMES}
NAMED_AT_HOME = [
    *((home_of(door), {objective}) for objective, door in METHOD_DOORS.items()),
    *((home_of(it.work.__module__), {it.id, it.key}) for it in EVALUATIONS),
]
OPEN = ("tests", "benchmarks", "examples")  # who may look behind doors, and name what ships
MINIATURE = "data.miniature."  # makes all data sets
IN_IMAGENETS_STRUCTURE = "data.sets.imagenet_variants."  # whose folders are ImageNet's synsets
LAYOUTS_HOME = pretrain.layouts.__name__
CALLED_AS_WHAT_SHIPS = {LAYOUTS_HOME, "core.extras"}  # a layout as its method, an extra as what needs it
FIGURES = {column.metric for column in columns_of(tables_of(EVALUATIONS)).values()}  # some are called as what ships is
OF_ANOTHER_KIND = {  # values that are called as a data set is
    "results.plan": {TRAINING_SETS},  # a key of every profile
    "pretrain.architectures": {"imagenet"},  # a ResNet's stem
    "pretrain.checkpoints": {"imagenet"},
    "pretrain.config": {"imagenet"},
    "pretrain.publication": {"imagenet"},
}


@cache
def modules() -> dict[str, Path]:
    paths = [path.relative_to(REPOSITORY) for name in MAY_IMPORT for path in (REPOSITORY / name).rglob("*.py")]
    return {".".join(path.with_suffix("").parts): REPOSITORY / path for path in paths if path.parts[0] not in OPEN}


@cache
def imported_modules(path: Path) -> set[str]:
    """Whole names of what a file imports: of ``from a.b import c``, both ``a.b`` and ``a.b.c``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_nothing_imports_a_command_line():
    for name, path in modules().items():
        assert not any(imported.endswith(".__main__") for imported in imported_modules(path)), name


@cache
def literals(path: Path) -> set[str]:
    """Text in a file that is not documentation."""
    tree = ast.parse(path.read_text())
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone)
    return {node.value for node in constants if isinstance(node.value, str)}


@pytest.mark.parametrize("home", sorted(DOORS))
def test_what_ships_is_entered_by_its_door_alone(home):
    known = modules()
    assert DOORS[home] <= known.keys()
    behind = {name for name in known if name.startswith(f"{home}.")} - DOORS[home]
    family = (f"{home}.", IN_IMAGENETS_STRUCTURE) if home == home_of(imagenet.__name__) else (f"{home}.",)
    for name, path in known.items():
        if not name.startswith(family):
            assert not imported_modules(path) & behind, (name, "imports past", DOORS[home])


@pytest.mark.parametrize(("home", "names"), NAMED_AT_HOME)
def test_what_ships_is_named_at_home_alone(home, names):
    for name, path in modules().items():
        if not name.startswith((f"{home}.", MINIATURE)) and name not in CALLED_AS_WHAT_SHIPS:
            assert not literals(path) & (names - FIGURES), (name, "names what is at home in", home)


@pytest.mark.parametrize("spec", DATA_SETS, ids=lambda spec: spec.key)
def test_a_data_set_is_named_where_its_door_is_entered_alone(spec):
    home = home_of(spec.checks.partition(":")[0])
    entering = {home_of(name) for name, path in modules().items() if imported_modules(path) & DOORS[home]}
    for name, path in modules().items():
        if not name.startswith((f"{home}.", MINIATURE)) and home_of(name) not in entering:
            assert not literals(path) & {spec.key} - OF_ANOTHER_KIND.get(name, set()), (name, "names", spec.key)


def test_layouts_are_named_in_their_registry_alone():
    of_other_kinds = {"torchvision", *METHOD_DOORS}  # a package, and methods
    assert set(LAYOUTS) <= literals(modules()[LAYOUTS_HOME])
    for name, path in modules().items():
        if name != LAYOUTS_HOME:
            assert not literals(path) & (set(LAYOUTS) - of_other_kinds), name
