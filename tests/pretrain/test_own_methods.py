"""Methods in a user's own file: the two examples, from the profile to the tables, and what a mistake leads to."""

import hashlib
import math
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from core import interruption
from core.distributed import process_group, rank, world_size
from core.errors import InputError
from core.user_code import UserCodeError
from core.workspace import MODEL_FILE, Workspace
from examples.early_learning import EarlyLearning, EarlyLearningModel
from examples.generalised_cross_entropy import generalised_cross_entropy
from pretrain import loop, pretraining
from pretrain.objective import Batch
from pretrain.tensor_files import load_tensors
from profiles.expand import jobs_of
from profiles.load import load_profile
from run_all import main
from tests.pretrain.test_interruption import Asks, equal, nothing_received  # noqa: F401  (a fixture)
from tests.pretrain.test_pretraining import CONFIG
from tests.support import REPOSITORY
from tests.support.commands import REDUCED, environment, records
from tests.support.processes import in_two_processes

EXAMPLES = REPOSITORY / "examples"
HEAD = """
import torch
from torch import nn
from pretrain.methods.method import Method
from pretrain.objective import Outcome

class Model(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, batch):
        {forward}

class Mine(Method):
    strength: float = 1.0

    def build(self, setting):
        {build}
"""
BUILD, FORWARD = "return Model(setting.classifier())", "return None"


def test_generalised_cross_entropy_is_that_of_the_formula():
    """Probabilities 0.25 and 0.64 of the labels: (1 - 0.5) / 0.5 = 1, and (1 - 0.8) / 0.5 = 0.4."""
    logits = torch.tensor([[0.25, 0.75], [0.36, 0.64]], dtype=torch.double).log()
    labels = torch.tensor([0, 1])
    assert generalised_cross_entropy(logits, labels, q=0.5).item() == pytest.approx(0.7)
    assert generalised_cross_entropy(logits, labels, q=1.0).item() == pytest.approx((0.75 + 0.36) / 2)
    cross_entropy = nn.functional.cross_entropy(logits, labels).item()
    assert generalised_cross_entropy(logits, labels, q=1e-9).item() == pytest.approx(cross_entropy, abs=1e-6)


def test_its_gradient_is_that_of_cross_entropy_times_the_probability_to_the_power_of_q():
    logits = torch.tensor([[0.25, 0.75]], dtype=torch.double).log().requires_grad_()
    generalised_cross_entropy(logits, torch.tensor([0]), q=0.5).backward()
    assert logits.grad[0].tolist() == pytest.approx([0.5 * -0.75, 0.5 * 0.75])


class Fixed(nn.Module):
    """The same logits whatever it is shown."""

    def __init__(self, probabilities: list[float]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor([probabilities], dtype=torch.double).log())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), -1)


def test_early_learning_regularisation_is_that_of_the_formula():
    """Probabilities (0.6, 0.4): the target is (0.18, 0.12) after one step and (0.306, 0.204) after two."""
    config = EarlyLearning(objective="early_learning.py:EarlyLearning", beta=0.7, weight=3)
    model = EarlyLearningModel(Fixed([0.6, 0.4]), torch.zeros(5, 2, dtype=torch.double), config)
    batch = Batch([torch.zeros(1, 3)], torch.tensor([1]), torch.tensor([3]), epoch=0, step=0)
    for target in ([0.18, 0.12], [0.306, 0.204]):
        model.zero_grad()
        outcome = model(batch)
        agreement = 0.6 * target[0] + 0.4 * target[1]
        assert model.targets[3].tolist() == pytest.approx(target)
        assert outcome.losses["classification"].item() == pytest.approx(-math.log(0.4))
        assert outcome.losses["early_learning"].item() == pytest.approx(3 * math.log(1 - agreement))
        outcome.losses["early_learning"].backward()
        # d log(1 - <p, t>) / d logit_k = -p_k (t_k - <p, t>) / (1 - <p, t>); no gradient flows through t
        expected = [-3 * p * (t - agreement) / (1 - agreement) for p, t in zip((0.6, 0.4), target, strict=True)]
        assert model.encoder.logits.grad[0].tolist() == pytest.approx(expected)
    assert not model.targets[[0, 1, 2, 4]].any()
    assert (outcome.kept.tolist(), outcome.right.tolist()) == ([True], [False])


def moved_targets() -> list[list[float]]:
    """Two steps, in which an image is of another rank the second time."""
    with process_group():
        torch.manual_seed(0)
        config = EarlyLearning(objective="early_learning.py:EarlyLearning")
        model = EarlyLearningModel(nn.Linear(4, 3).double(), torch.zeros(8, 3, dtype=torch.double), config)
        images, labels = torch.randn(8, 4, dtype=torch.double), torch.arange(8) % 3
        for step, order in enumerate((torch.arange(8), torch.arange(8).flip(0))):
            mine = order[rank() * 8 // world_size() : (rank() + 1) * 8 // world_size()]
            model(Batch([images[mine]], labels[mine], mine, epoch=step, step=step))
        return model.targets.tolist()


def test_all_ranks_have_the_targets_that_one_process_has():
    alone = torch.tensor(moved_targets())
    for of_rank in in_two_processes(moved_targets):
        torch.testing.assert_close(torch.tensor(of_rank), alone)


def configuration(file: Path, name: str, **config: float) -> dict:
    """Of a job that pretrains with a method of the file."""
    method = {"objective": f"{file.name}:{name}", **config}
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return CONFIG.model_dump(mode="json") | {
        "method": method,
        "objective_file": str(file),
        "objective_sha256": digest,
    }


def test_targets_are_part_of_what_an_interrupted_training_goes_on_from(miniature, tmp_path):
    config = configuration(EXAMPLES / "early_learning.py", "EarlyLearning", weight=3)
    undisturbed, job = tmp_path / "undisturbed", tmp_path / "job"
    for folder in (undisturbed, job):
        folder.mkdir()
    pretraining.run(config, Workspace(undisturbed, {"data": miniature}))
    interruption.install_handlers([signal.SIGUSR2])
    with pytest.raises(interruption.Interrupted):
        pretraining.run(config, Asks(job, {"data": miniature}))
    interruption.install_handlers([])
    workspace = Workspace(job, {"data": miniature})
    pretraining.run(config, workspace)
    assert workspace.provenance["objective"]["sha256"] == config["objective_sha256"]
    ours, theirs = (load_tensors(folder / loop.STATE_FILE)["method"] for folder in (job, undisturbed))
    assert equal(ours, theirs) and ours["targets"].any()
    assert equal(load_tensors(job / MODEL_FILE), load_tensors(undisturbed / MODEL_FILE))


def profile_in(folder: Path, **methods: str) -> Path:
    """A profile that extends the miniature, with methods of files beside it."""
    folder.mkdir(exist_ok=True)
    lines = ["extends: mini", "name: own", "methods:", *(f"  {name}: {text}" for name, text in methods.items())]
    (folder / "own.yaml").write_text("\n".join(lines) + "\n")
    return folder / "own.yaml"


def reduced(runs: Path, profile: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The command with a profile, its miniature reduced as in other tests."""
    overrides = [part for key, value in REDUCED.items() for part in ("--set", f"{key}={value}")]
    line = [sys.executable, str(REPOSITORY / "run_all.py"), "--runs", str(runs), "--profile", str(profile)]
    return subprocess.run(
        [*line, *overrides, *arguments], capture_output=True, text=True, env=environment(), cwd=profile.parent
    )


def git_status() -> str:
    return subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, cwd=REPOSITORY).stdout


def test_the_examples_get_their_rows_and_claims_from_outside_the_checkout(tmp_path):
    before = git_status()
    for file in EXAMPLES.glob("*.*"):
        shutil.copy(file, tmp_path)
    profile = tmp_path / "robust-losses.yaml"
    # What the reduced miniature changes of a method must be there to be changed.
    profile.write_text(profile.read_text().replace("  no-correction: null\n", ""))
    run = reduced(tmp_path / "runs", profile, "--only", "pretrain", "accuracy", "--methods", "ce", "gce", "elr")
    assert run.returncode == 0, run.stderr
    assert "Generalised cross-entropy" in run.stdout and "Early-learning regularisation" in run.stdout
    found = records(tmp_path / "runs")
    (record,) = (it for name, it in found.items() if "/pretrain/elr/" in name)
    assert (
        record["config"]["objective_sha256"]
        == hashlib.sha256((tmp_path / "early_learning.py").read_bytes()).hexdigest()
    )
    assert record["config"]["method"]["objective"] == "early_learning.py:EarlyLearning"
    claims = (tmp_path / "runs/robust-losses/tables/claims.md").read_text()
    assert "Early-learning regularisation above CE" in claims and "Generalised cross-entropy above CE" in claims
    assert git_status() == before
    assert not list(tmp_path.rglob("__pycache__"))


def test_the_page_about_it_says_what_works(miniature, tmp_path, capsys):
    page = (REPOSITORY / "docs/extending.md").read_text()
    ((code,), (profile,)) = (re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)[:1] for kind in ("python", "yaml"))
    (tmp_path / "mine.py").write_text(code)
    (tmp_path / "mine.yaml").write_text(profile)
    assert main(["--profile", str(tmp_path / "mine.yaml"), "--runs", str(tmp_path / "runs"), "--dry-run"]) == 0
    assert "pretrain/mine/webvision/seed100" in capsys.readouterr().out
    (tmp_path / "job").mkdir()
    pretraining.run(configuration(tmp_path / "mine.py", "Mine"), Workspace(tmp_path / "job", {"data": miniature}))
    command = re.search(r"python run_all\.py (--profile examples/\S+)", page)
    assert main([*command[1].split(), "--runs", str(tmp_path / "runs"), "--dry-run"]) == 0


def identity_of(profile: Path) -> str:
    (job,) = (job for job in jobs_of(load_profile(str(profile))) if job.name == "pretrain/mine/webvision/seed100")
    return job.identity


def test_the_content_of_the_file_identifies_the_job_and_not_its_place(tmp_path):
    text = HEAD.format(build=BUILD, forward=FORWARD)
    profiles = [profile_in(tmp_path / place, mine="{objective: './mine.py:Mine'}") for place in ("here", "there")]
    for profile in profiles:
        (profile.parent / "mine.py").write_text(text)
    changed = profile_in(tmp_path / "changed", mine="{objective: './mine.py:Mine'}")
    (changed.parent / "mine.py").write_text(text + "# a remark\n")
    here, there, other = map(identity_of, (*profiles, changed))
    assert here == there != other


def test_a_file_that_was_changed_after_the_plan_is_not_run(miniature, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(HEAD.format(build=BUILD, forward=FORWARD))
    config = configuration(file, "Mine") | {"objective_sha256": "0" * 64}
    with pytest.raises(InputError, match="was changed after the job was planned"):
        pretraining.run(config, Workspace(tmp_path, {"data": miniature}))


NOTHING_TO_TRAIN = "from pretrain.methods.method import Method\n\n\nclass Mine(Method):\n    pass\n"


@pytest.mark.parametrize(
    ("objective", "text", "parts"),
    [
        ("./none.py:Mine", "", ["none.py", "No such file", "name another one"]),
        ("./mine.py:Other", HEAD.format(build=BUILD, forward=FORWARD), ["has no Other", "Model, Mine"]),
        ("./mine.py:Model", HEAD.format(build=BUILD, forward=FORWARD), ["Model is no subclass of", "Method"]),
        ("./mine.py:Mine", NOTHING_TO_TRAIN, ["mine.py", "Mine has no function build"]),
        ("./mine.py:Mine", "import torch\nx = (", ["mine.py, line 2", "SyntaxError"]),
        ("./mine.py:Mine", "import torch\n\nimport helper_beside_it\n", ["mine.py, line 3", "ModuleNotFoundError"]),
        ("./mine.py:Mine", "raise ValueError('not\\nyet')", ["mine.py, line 1", "ValueError: not yet"]),
        ("./mine.py:Mine", "import sys\nsys.exit(0)\n", ["mine.py, line 2", "SystemExit"]),
        ("./mine.txt:Mine", "", ["methods.mine", "'./mine.txt:Mine'", "'cross-entropy'"]),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(tmp_path, capsys, objective, text, parts):
    profile = profile_in(tmp_path, mine=f"{{objective: '{objective}'}}")
    (tmp_path / "mine.py").write_text(text)
    assert main(["--profile", str(profile), "--runs", str(tmp_path / "runs"), "--dry-run"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert all(part in line for part in parts), line


def test_the_traceback_of_a_mistake_lies_in_a_file(tmp_path, capsys):
    profile = profile_in(tmp_path, mine="{objective: './mine.py:Mine'}")
    (tmp_path / "mine.py").write_text("def first():\n    return 1 / 0\n\nfirst()\n")
    (tmp_path / "runs").mkdir()
    assert main(["--profile", str(profile), "--runs", str(tmp_path / "runs"), "--dry-run"]) == 2
    (report,) = (tmp_path / "runs").glob("error-*.txt")
    assert str(report) in capsys.readouterr().err
    assert "return 1 / 0" in report.read_text() and "ZeroDivisionError" in report.read_text()


def test_an_unknown_key_of_a_users_method_is_told_with_the_nearest(tmp_path, capsys):
    profile = profile_in(tmp_path, mine="{objective: './mine.py:Mine', strenth: 2}")
    (tmp_path / "mine.py").write_text(HEAD.format(build=BUILD, forward=FORWARD))
    assert main(["--profile", str(profile), "--runs", str(tmp_path / "runs"), "--dry-run"]) == 2
    assert "'methods.mine.strenth'; did you mean 'methods.mine.strength'" in capsys.readouterr().err


LOGITS = "logits = self.encoder(batch.views[0]); "


@pytest.mark.parametrize(
    ("build", "forward", "parts"),
    [
        (BUILD, "return None", ["line 12", "a NoneType for a batch"]),
        (BUILD, LOGITS + "return Outcome.trusting(batch.labels, logits, mine=1.0)", ["line 12", "mine as float"]),
        (
            BUILD,
            LOGITS + "return Outcome.trusting(batch.labels, logits, mine=logits)",
            ["mine as torch.float32 of shape"],
        ),
        (BUILD, LOGITS + "return Outcome.trusting(batch.labels, logits)", ["no losses"]),
        (BUILD, LOGITS + "return Outcome.trusting(batch.labels, logits, mine=torch.zeros(()))", ["without a gradient"]),
        (BUILD, LOGITS + "return Outcome({'a': logits.sum()}, batch.labels[1:], None, None)", ["labels of shape [39]"]),
        ("return nn.Linear(2, 2)", "return None", ["line 18", "is no module with an encoder"]),
        (
            f"{BUILD}\n    views = property(lambda self: ('soft',))",
            FORWARD,
            ["line 20", "views.0", "found 'soft'"],
        ),
    ],
)
def test_what_a_method_must_not_give_is_told_with_file_and_line(miniature, tmp_path, build, forward, parts):
    file = tmp_path / "mine.py"
    file.write_text(HEAD.format(build=build, forward=forward))
    with pytest.raises(UserCodeError) as error:
        pretraining.run(configuration(file, "Mine"), Workspace(tmp_path, {"data": miniature}))
    assert str(file) in error.value.sentence
    assert all(part in error.value.sentence for part in parts), error.value.sentence


@pytest.mark.parametrize(
    ("right", "wrong", "parts"),
    [
        ("forward(self, batch)", "forward(self, views, labels)", ["line 12", "Model.forward(self, views, labels)"]),
        ("build(self, setting)", "build(self)", ["line 18", "Mine.build(self) too many positional arguments"]),
    ],
)
def test_a_function_that_takes_other_arguments_is_told_with_its_line(miniature, tmp_path, right, wrong, parts):
    file = tmp_path / "mine.py"
    file.write_text(HEAD.format(build=BUILD, forward=FORWARD).replace(right, wrong))
    with pytest.raises(UserCodeError) as error:
        pretraining.run(configuration(file, "Mine"), Workspace(tmp_path, {"data": miniature}))
    assert all(part in error.value.sentence for part in parts), error.value.sentence


def test_a_mistake_in_a_job_is_a_sentence_with_its_traceback_in_the_log(tmp_path):
    profile = profile_in(tmp_path, mine="{objective: './mine.py:Mine'}", none="{objective: './mine.py:Mine'}")
    (tmp_path / "mine.py").write_text(HEAD.format(build=BUILD, forward="return batch.images.sum()"))
    run = reduced(tmp_path / "runs", profile, "--only", "pretrain", "--methods", "mine")
    assert run.returncode == 2
    (line,) = run.stderr.strip().splitlines()
    assert f"{tmp_path / 'mine.py'}, line 13: AttributeError: 'Batch' object has no attribute 'images'" in line
    (log,) = tmp_path.glob("runs/own/pretrain/mine/*/*/log.txt")
    assert "Traceback" in log.read_text() and "return batch.images.sum()" in log.read_text()


def test_a_list_of_claims_keeps_the_figures_and_the_margin_of_the_profile_that_is_extended(tmp_path):
    profile = tmp_path / "own.yaml"
    profile.write_text("extends: mini\nname: own\nclaims: [{better: mopro, than: ce-strong-view}]\n")
    mini, own = load_profile("mini").claims, load_profile(str(profile)).claims
    assert own.tests == {"mopro": ("ce-strong-view",)}
    assert (own.primary, own.margin, own.steps) == (mini.primary, mini.margin, ())
    given = load_profile("mini", ["claims=[{better: mopro, than: ce}, {better: no-correction, than: ce}]"]).claims
    assert given.tests == {"mopro": ("ce",), "no-correction": ("ce",)}


@pytest.mark.parametrize(
    ("claims", "part"),
    [
        ("[{better: mopro, than: mopro}]", "better than itself"),
        ("[{better: mopro, then: ce}]", "claims.comparisons.0.than: field required"),
        ("[{better: mopro, than: magic}]", "claims.comparisons names magic"),
        ("[{bettr: mopro, thn: ce}]", "claims.comparisons.0.better: field required"),
        ("[mopro]", "claims.comparisons.0: input should be a valid dictionary"),
        ("[]", "claims: name who is compared"),
        ("{comparisons: [{better: mopro, than: ce}]}", "and not by both"),
    ],
)
def test_mistakes_in_a_list_of_claims(claims, part):
    with pytest.raises(InputError) as error:
        load_profile("mini", [f"claims={claims}" if claims[0] == "[" else f"claims.comparisons={claims[14:-1]}"])
    assert part in error.value.sentence


def test_a_list_of_claims_needs_a_section_of_the_extended_profile():
    with pytest.raises(InputError) as error:
        load_profile("paper", ["claims=[{better: mopro, than: ce}]"])
    assert (
        "claims: a list of comparisons keeps the rest of the section that the extended profile has, and there is"
        in (error.value.sentence)
    )
    section = (
        "claims={comparisons: [{better: mopro, than: ce}], margin: 1, primary: {top-1: [accuracy-webvision/top1]}}"
    )
    claims = load_profile("paper", [section]).claims
    assert claims is not None and claims.tests == {"mopro": ("ce",)}
