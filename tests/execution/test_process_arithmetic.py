"""What a profile says of arithmetic reaches the libraries in every job, and the record says what was set."""

import json
import os
import shutil
from dataclasses import replace

import pytest
import torch

from core.arithmetic import ProcessArithmetic, use
from core.declarations import Stage
from core.errors import InputError
from core.user_code import load
from core.workspace import MODEL_FILE, Workspace
from execution.jobs import Job
from pretrain import pretraining
from pretrain.backbone import Classifier
from pretrain.checkpoints import exported
from pretrain.config import BackboneConfig
from pretrain.cross_entropy import CrossEntropy
from pretrain.evaluation import pretrained_trunk
from pretrain.tensor_files import load_tensors, save_tensors
from profiles.expand import jobs_of
from profiles.load import load_profile
from tests.execution.test_executor import run, toy
from tests.pretrain.test_pretraining import CONFIG, pretrain

PROFILES = ("mini", "paper", "pilot", "released", "ablation", "regime", "claims", "webvision50")
FLAGS = {  # of matrix products and of convolutions
    "none": (False, False),
    "convolutions": (False, True),
    "all": (True, True),
}
OWN_FILE = """
import torch

def run(config, workspace):
    torch.zeros(2, 2) @ torch.zeros(2, 2)
    return {
        "matmul": {"value": int(torch.backends.cuda.matmul.allow_tf32), "unit": "", "n": 1},
        "convolution": {"value": int(torch.backends.cudnn.allow_tf32), "unit": "", "n": 1},
        "deterministic": {"value": int(torch.are_deterministic_algorithms_enabled()), "unit": "", "n": 1},
    }

def scatter(config, workspace):
    torch.zeros(2).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))
    return run(config, workspace)
"""


def own_job(folder, name: str, arithmetic: ProcessArithmetic) -> Job:
    """A job of a user's evaluation."""
    path = folder / "own.py"
    path.write_text(OWN_FILE)
    return Job(name, Stage("own", f"{path}:{name}", load(f"{path}:{name}").sha256), {}, arithmetic=arithmetic)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_states_pytorchs_own(name):
    found = load_profile(name).arithmetic
    assert found == ProcessArithmetic()
    assert FLAGS[found.tf32] == (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)


@pytest.mark.parametrize("tf32", FLAGS)
@pytest.mark.parametrize("deterministic", [False, True])
def test_it_reaches_the_libraries_in_a_users_evaluation_too(tmp_path, tf32, deterministic):
    job = own_job(tmp_path, "run", ProcessArithmetic(tf32=tf32, deterministic=deterministic))
    assert run([job], tmp_path / "runs")[0] == []
    record = job.record(tmp_path / "runs")
    expected = (*FLAGS[tf32], deterministic)
    assert tuple(bool(record.metrics[name].value) for name in ("matmul", "convolution", "deterministic")) == expected
    found = record.arithmetic
    assert (found.matmul_tf32, found.convolution_tf32, found.deterministic, found.compiled) == (*expected, False)


def test_what_has_no_deterministic_algorithm_stops_the_job(tmp_path):
    allowed, refused = (own_job(tmp_path, "scatter", ProcessArithmetic(deterministic=it)) for it in (False, True))
    assert run([allowed], tmp_path / "runs")[0] == []
    ((failure,), _) = run([refused], tmp_path / "runs")
    assert "put_ does not have a deterministic implementation" in failure.reason


def test_cublas_is_deterministic_too(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    try:
        use(ProcessArithmetic(deterministic=True))
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    finally:
        use(ProcessArithmetic())


OTHERS = ({"tf32": "none"}, {"tf32": "all"}, {"deterministic": True}, {"compile": True})


def test_it_enters_the_identity_where_it_is_not_pytorchs_own():
    job = toy("first")
    identities = {replace(job, arithmetic=ProcessArithmetic(**change)).identity for change in ({}, *OTHERS)}
    assert len(identities) == 5 and job.identity in identities


@pytest.mark.parametrize("change", OTHERS, ids=str)
def test_it_is_that_of_every_job(change):
    ((key, value),) = change.items()
    here, there = (jobs_of(load_profile("mini", given)) for given in ([], [f"arithmetic.{key}={value}".lower()]))
    assert {job.arithmetic for job in there} == {ProcessArithmetic(**change)}
    assert not {job.identity for job in here} & {job.identity for job in there}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("arithmetic.tf32=true", "arithmetic.tf32"),
        ("arithmetic.tf32=matmul", "arithmetic.tf32"),
        ("arithmetic.deterministic=1", "arithmetic.deterministic"),
        ("arithmetic.compile=yes please", "arithmetic.compile"),
        ("arithmetic.compiled=true", "arithmetic.compile"),
    ],
)
def test_what_it_cannot_be(override, said):
    with pytest.raises(InputError, match=said):
        load_profile("mini", [override])


needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ on the CPU")


@needs_compiler
def test_an_evaluation_sees_a_compiled_network(tmp_path):
    torch.manual_seed(0)
    checkpoint = CrossEntropy(Classifier(BackboneConfig(depth=10, width=8, stem="small"), classes=3))
    save_tensors(tmp_path / MODEL_FILE, exported(checkpoint))
    given, asked = (Workspace(tmp_path, {"checkpoint": tmp_path}, compiles=it) for it in (False, True))
    images = torch.randn(4, 3, 28, 28)
    with torch.inference_mode():
        plain, compiled = (pretrained_trunk(it, torch.device("cpu")).features(images) for it in (given, asked))
    torch.testing.assert_close(compiled, plain)
    assert (given.has_compiled, asked.has_compiled) == (False, True)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0


@pytest.mark.slow
@needs_compiler
def test_a_compiled_network_is_the_same_network(miniature, tmp_path):
    """But for its rounding; the checkpoint has the same names."""
    reference = pretrain(miniature, tmp_path / "reference")
    (tmp_path / "compiled").mkdir()
    workspace = Workspace(tmp_path / "compiled", {"data": miniature}, compiles=True)
    pretraining.run(CONFIG.model_dump(mode="json"), workspace)
    assert workspace.has_compiled
    model = load_tensors(tmp_path / "compiled" / MODEL_FILE)
    assert model.keys() == reference.keys()
    ours, theirs = (torch.cat([t.flatten().float() for t in m.values()]) for m in (model, reference))
    assert torch.nn.functional.cosine_similarity(ours, theirs, dim=0) > 0.95
    assert json.loads((tmp_path / "compiled/curves.json").read_text())
