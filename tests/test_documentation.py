"""Every command line in the documentation is run: as it stands, or without computing anything."""

import importlib.util
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import run_all
from commands.arguments import CommandParser
from commands.plan_to_write import write_plan_of
from commands.selection import selection_of
from core.user_code import load
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported
from pretrain.config import BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.tensor_files import save_tensors
from results import __main__ as results_command
from tests.support import REPOSITORY

DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
COMMAND = re.compile(r"^(?: {4})?((?:python|make) [^\n\\]*(?:\\\n[^\n\\]*)*)|`(python [^`]+)`", re.MULTILINE)
COMMENT = re.compile(r" +# .*")
SITE = re.compile(r"```yaml\n(slurm:\n.*?)```", re.DOTALL)  # the file of a site, as docs/cluster.md shows it
MODULE = re.compile(r"```python\n(import torch\n.*?def build\(.*?)```", re.DOTALL)  # in docs/checkpoints.md
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
DATA_ARE_MISSING, NOTHING_IS_DONE, NOTHING_TO_ANSWER_WITH = 1, 1, 2  # exit statuses


def commands_in(text: str) -> Iterator[list[str]]:
    """The command lines of a document, split into words; dots stand for what a reader has to add."""
    for found in COMMAND.finditer(text):
        line = COMMENT.sub("", (found[1] or found[2]).replace("\\\n", " "))
        yield [word for word in shlex.split(line) if word != "..."]


FOLLOWED = "/data/birds"  # of an example that a test of its own follows line by line
COMMANDS = {
    shlex.join(words): words
    for document in DOCUMENTS
    for words in commands_in(document.read_text(encoding="utf-8"))
    if not any(word.startswith(FOLLOWED) for word in words)
}


@pytest.fixture
def planned(tmp_path, monkeypatch) -> Path:
    """A folder to work in, as after a plan of the default profile of which nothing is done.

    With the checkout's examples, the file of a site, and the module that the documentation builds.
    """
    monkeypatch.chdir(tmp_path)
    write_plan_of(selection_of(CommandParser("", None).parse_args([])))
    (site,) = SITE.findall((REPOSITORY / "docs/cluster.md").read_text())
    (tmp_path / "my-cluster.yaml").write_text(site)
    (module,) = MODULE.findall((REPOSITORY / "docs/checkpoints.md").read_text())
    (tmp_path / "mine.py").write_text(module)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    return tmp_path


def write_checkpoint(path: Path, is_built: bool) -> None:
    """A model of ours, or one of the module that the documentation builds."""
    if is_built:
        torch.save(load(f"{Path('mine.py').absolute()}:Mine").value().state_dict(), path)
    else:
        save_tensors(path, exported(CrossEntropy(Classifier(BackboneConfig(depth=10, width=8), classes=10))))


def run(words: list[str]) -> None:
    """Run a command line, or have it say what it would do; it ends as it must where nothing was computed."""
    match words:
        case ["make", *targets]:
            status, expected = subprocess.run(["make", "-n", *targets], cwd=REPOSITORY).returncode, {0}
        case ["python", "run_all.py", "verify", *options]:
            status, expected = run_all.main(["verify", *options]), {DATA_ARE_MISSING, NOTHING_TO_ANSWER_WITH}
        case ["python", "run_all.py", "status", *options]:
            status, expected = run_all.main(["status", *options]), {NOTHING_IS_DONE}
        case ["python", "run_all.py", "cancel", *options]:
            status, expected = run_all.main(["cancel", *options]), {0, NOTHING_TO_ANSWER_WITH}
        case ["python", "run_all.py", "data", "fetch", *options] if "--from" not in options:  # that folder is not there
            listed = [it for it in options if it != "--print"] + ["--print"]
            status, expected = run_all.main(["data", "fetch", *listed]), {0}
        case ["python", "run_all.py", "data", "fetch", *options]:
            status, expected = run_all.main(["data", "fetch", *options]), {NOTHING_TO_ANSWER_WITH}
        case ["python", "run_all.py", "data", "prepare", *options]:  # of archives that are not there
            status, expected = run_all.main(["data", "prepare", *options]), {NOTHING_TO_ANSWER_WITH}
        case ["python", "run_all.py", "data", *options]:
            status, expected = run_all.main(["data", *options]), {0, DATA_ARE_MISSING}
        case ["python", "run_all.py", "doctor", *options]:
            status, expected = run_all.main(["doctor", *options]), {NOTHING_TO_ANSWER_WITH}
        case ["python", "run_all.py", "export", *options]:
            status, expected = run_all.main(["export", *options]), {NOTHING_TO_ANSWER_WITH}
        case ["python", "run_all.py", "evaluate", checkpoint, *options]:
            write_checkpoint(Path(checkpoint), is_built="--model" in options)
            status, expected = run_all.main(["evaluate", checkpoint, *options, "--dry-run"]), {0}
        case ["python", "run_all.py", *options]:
            status, expected = run_all.main([it for it in options if it != "--dry-run"] + ["--dry-run"]), {0}
        case ["python", "-m", "results", "audit", *arguments]:
            status, expected = results_command.main(["audit", *arguments]), {NOTHING_IS_DONE, NOTHING_TO_ANSWER_WITH}
        case ["python", "-m", "results", *arguments]:
            status, expected = results_command.main(arguments), {0, NOTHING_TO_ANSWER_WITH}
        case ["python", "-m", module, *_]:  # a measurement, or all tests: it would take minutes
            status, expected = importlib.util.find_spec(module) is None, {False}
        case _:
            raise AssertionError(f"no test knows how to run {shlex.join(words)}")
    assert status in expected


@pytest.mark.parametrize("command", COMMANDS)
def test_a_documented_command_is_understood(command, planned, capsys):
    run(COMMANDS[command])
    printed = capsys.readouterr()
    assert "see --help" not in printed.err and "Traceback" not in printed.err


def test_commands_are_found_in_blocks_and_sentences():
    block = "    make test  # all\n    python run_all.py --set a=b \\\n        --set c=d ...\n"
    text = f"Say `python run_all.py status`, or\n\n{block}"
    assert list(commands_in(text)) == [
        ["python", "run_all.py", "status"],
        ["make", "test"],
        ["python", "run_all.py", "--set", "a=b", "--set", "c=d"],
    ]
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


def test_a_command_that_is_wrong_is_noticed(planned, capsys):
    with pytest.raises((AssertionError, SystemExit)):
        run(["python", "run_all.py", "--set", "no.such.key=1"])
