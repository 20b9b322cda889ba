"""What is wrong in a user's method is one sentence with file and line: in the plan, or before a first step, or where a
step shows it.
"""

import json
import re
from pathlib import Path

import pytest

from core.user_code import UserCodeError
from core.workspace import MODEL_FILE, Workspace
from pretrain import pretraining
from pretrain.checkpoints import load_classifier
from pretrain.tensor_files import load_tensors
from profiles.load import load_profile
from run_all import main
from tests.pretrain.test_own_methods import configuration, profile_in
from tests.support.commands import REDUCED

CODE = """
import torch
from torch import nn
from core.config import Fraction
from pretrain.methods.method import Method
from pretrain.objective import Outcome

class Model(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, batch):
        logits = self.encoder(batch.views[0])
        loss = nn.functional.cross_entropy(logits, batch.labels)
        return Outcome.trusting(batch.labels, logits, mine=loss)

class Mine(Method):
    strength: Fraction = 1.0

    def build(self, setting):
        return Model(setting.classifier())
"""
FIELD = "    strength: Fraction = 1.0"
VIEWS = "\n    @property\n    def views(self):\n        return {}"
ENCODER = "self.encoder = encoder"


def changed(folder: Path, right: str, wrong: str) -> str:
    code = CODE.replace(right, wrong)
    assert code != CODE
    (folder / "mine.py").write_text(code)
    return code


def place_of(folder: Path, code: str, text: str) -> str:
    line = code[: code.index(text)].count("\n") + 1
    return f"{folder / 'mine.py'}, line {line}: "


@pytest.mark.parametrize(
    ("right", "wrong", "place", "said"),
    [
        ("Fraction = 1.0", "Fraction = 2.0", "class Mine", "the default of strength: input should be less than or"),
        (FIELD, FIELD + "\n    of: set = {1}", "class Mine", "its values do not survive JSON, where a plan holds them"),
        (FIELD, FIELD + "\n    relative_cost = -3", "class Mine", "relative_cost: input should be greater than 0"),
        (FIELD, FIELD + "\n    relative_cost = 'x'", "class Mine", "relative_cost: input should be a valid number"),
        (
            FIELD,
            FIELD + "\n    @property\n    def relative_cost(self):\n        return self.nope",
            "return self.nope",
            "AttributeError",
        ),
        (
            FIELD,
            FIELD + VIEWS.format("('weak', 'storng')"),
            "@property",
            "views.1: input should be 'weak' or 'strong', found 'storng'",
        ),
        (FIELD, FIELD + VIEWS.format("()"), "@property", "views: tuple should have at least 1 item"),
        (
            FIELD,
            FIELD + "\n    @property\n    def views(self):\n        return 'weak'",
            "@property",
            "views: input should",
        ),
        (
            FIELD,
            FIELD + "\n    def views(self):\n        return ('weak',)",
            "def views",
            "views is a function, expected",
        ),
        (
            FIELD,
            FIELD + "\n    @property\n    def corrects_labels_from(self):\n        return 'first'",
            "@property",
            "corrects_labels_from: input should be a valid integer",
        ),
        (
            FIELD,
            FIELD + "\n    def require_fitting(self, schedule):\n        schedule.nope",
            "schedule.nope",
            "AttributeError: 'ScheduleConfig' object has no attribute 'nope'",
        ),
        (FIELD, FIELD + "\n    def require_fitting(self):\n        pass", "def require_fitting", "too many positional"),
        (FIELD, FIELD + "\n    def model_post_init(self, _):\n        1 / 0", "1 / 0", "ZeroDivisionError"),
        ("def build(", "def biuld(", "class Mine", "Mine has no function build"),
        ("Mine(Method)", "Mine", "class Mine", "Mine is no subclass of pretrain.methods.method.Method"),
        ("import torch\n", "import torch\nimport beside\n", "import beside", "as a user's file stands alone"),
    ],
)
def test_a_mistake_is_told_in_the_plan(tmp_path, capsys, right, wrong, place, said):
    profile = profile_in(tmp_path, mine="{objective: './mine.py:Mine'}")
    (tmp_path / "beside.py").touch()
    code = changed(tmp_path, right, wrong)
    assert main(["--profile", str(profile), "--runs", str(tmp_path / "runs"), "--dry-run"]) == 2
    (sentence,) = capsys.readouterr().err.strip().splitlines()
    assert said in sentence and place_of(tmp_path, code, place) in sentence, sentence


def test_labels_that_a_users_method_corrects_are_not_cleaned_by_the_rule_of_another(tmp_path, capsys):
    profile = profile_in(tmp_path, mine="{objective: './mine.py:Mine'}")
    changed(tmp_path, FIELD, FIELD + "\n    @property\n    def corrects_labels_from(self):\n        return 2")
    line = ["--profile", str(profile), "--runs", str(tmp_path / "runs"), "--dry-run"]
    assert main(line) == 2
    said = r"methods\.mine corrects labels \(its corrects_labels_from is 2\), but evaluate\.retrain .* set .* to null"
    assert re.search(said, capsys.readouterr().err)
    assert main([*line, "--set", "evaluate.retrain=null", "--set", "claims=null"]) == 0


@pytest.mark.parametrize(
    ("right", "wrong", "place", "said"),
    [
        ("def build(self, setting)", "def build(self)", "def build", "Mine.build(self) too many positional arguments"),
        ("return Model(", "Model(", "def build", "is no module with an encoder"),
        (ENCODER, "self.net = encoder", "def build", "is no module with an encoder"),
        (ENCODER, f"{ENCODER}; self.exports = ('x',)", "def build", "its exports are to name buffers"),
        (
            ENCODER,
            f"{ENCODER}; self.register_buffer('x', torch.ones(2)); self.exports = ('x',)",
            "def build",
            "what it exports has x of shape (2,), expected None",
        ),
        (ENCODER, f"{ENCODER}; encoder.head = nn.Linear(2, 2)", "def build", "its encoder holds head."),
        (ENCODER, f"{ENCODER}; encoder.classifier = nn.Linear(2, 2)", "def build", "exports has fc."),
        (
            ENCODER,
            f"{ENCODER}; self.register_buffer('prior', torch.full((3,), torch.nan))",
            "def build",
            "prior holds a number that is not finite",
        ),
        (ENCODER, "raise SystemExit(3)", "raise", "SystemExit: 3"),
        ("def forward(self, batch)", "def forward(self, x, y)", "def forward", "Model.forward(self, x, y) missing a"),
    ],
)
def test_a_mistake_in_what_is_built_is_told_before_a_first_step(miniature, tmp_path, right, wrong, place, said):
    code = changed(tmp_path, right, wrong)
    with pytest.raises(UserCodeError) as error:
        pretraining.run(configuration(tmp_path / "mine.py", "Mine"), Workspace(tmp_path, {"data": miniature}))
    assert error.value.sentence.startswith(place_of(tmp_path, code, place)) and said in error.value.sentence
    assert not (tmp_path / "state.pt").exists() and not (tmp_path / "progress.json").exists()


@pytest.mark.parametrize(
    ("right", "wrong", "parts"),
    [
        ("mine=loss)", "mine=loss, other=loss * torch.nan)", ["loss other of step 1 is nan", "; correct it, and give"]),
        ("mine=loss)", "mine=loss / (batch.step < 5))", ["loss mine of step 6 is inf", "or lower the learning rate"]),
        ("mine=loss)", "a=loss / loss.detach() * 3e38, b=loss / loss.detach() * 3e38)", ["the loss of step 1 is inf"]),
        (
            "        return Outcome",
            "        out = logits.exp(); loss = loss + out.sum(); out.zero_()\n        return Outcome",
            ["RuntimeError: one of the variables needed for gradient computation has been modified"],
        ),
        (
            "        return Outcome",
            "        self.prior.fill_(torch.inf)\n        return Outcome",
            ["method.prior holds a number that is not finite"],
        ),
    ],
)
def test_a_step_that_cannot_be_gone_on_from_is_told_by_the_name_of_its_loss(miniature, tmp_path, right, wrong, parts):
    code = changed(tmp_path, right, wrong).replace(ENCODER, f"{ENCODER}; self.register_buffer('prior', torch.ones(2))")
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(UserCodeError) as error:
        pretraining.run(configuration(tmp_path / "mine.py", "Mine"), Workspace(tmp_path, {"data": miniature}))
    assert error.value.sentence.startswith(place_of(tmp_path, code, "def forward"))
    assert all(part in error.value.sentence for part in parts), error.value.sentence


def test_what_is_called_like_the_prototypes_of_mopro_is_left_alone(miniature, tmp_path):
    changed(tmp_path, ENCODER, f"{ENCODER}; self.prototypes = nn.Parameter(torch.ones(3))")
    pretraining.run(configuration(tmp_path / "mine.py", "Mine"), Workspace(tmp_path, {"data": miniature}))
    assert "prototypes" not in load_tensors(tmp_path / MODEL_FILE)
    load_classifier(tmp_path / MODEL_FILE)


def test_the_job_says_so_where_the_file_ends_the_process(miniature, tmp_path):
    """As ``sys.exit`` in a step does, which is no Exception."""
    from dataclasses import replace

    from execution.task import Task
    from profiles.expand import jobs_of

    profile = profile_in(tmp_path, mine="{objective: './mine.py:Mine'}")
    changed(tmp_path, "        return Outcome", "        raise SystemExit(3)\n        return Outcome")
    reduced = [f"{key}={value}" for key, value in REDUCED.items()]
    (job,) = (it for it in jobs_of(load_profile(str(profile), reduced)) if it.name.startswith("pretrain/mine/"))
    config = {**job.config, "webvision": str(miniature / "webvision")}
    task = Task(replace(job, config=config, needs={}, instructions=None), tmp_path / "runs")
    assert task() == 2
    assert "mine.py, line 16: SystemExit: 3" in json.loads((task.folder / "error.json").read_text())["sentence"]
    assert "raise SystemExit(3)" in (task.folder / "log.txt").read_text()
