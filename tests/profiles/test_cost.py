"""GPU-hours: the arithmetic by hand, what they rest on, and what takes the place of what is not known."""

import json

import pytest

from benchmarks import throughput
from core.declarations import Stage
from core.errors import InputError
from execution.jobs import Job
from execution.resources import Resources
from profiles.cost import MEASURED_FILE, Throughput, by_kind, gpu_hours, read_measured
from profiles.expand import jobs_of
from profiles.load import load_profile
from run_all import main

ROUND = Throughput(device="a round one", training=1000, evaluation=3000)


@pytest.fixture(scope="module")
def paper() -> dict[str, float | None]:
    """GPU-hours of the paper's jobs on a GPU of round figures."""
    profile = load_profile("paper")
    return {job.name: gpu_hours(job, ROUND) for job in jobs_of(profile)}


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        ("pretrain/ce/webvision-v1/seed0", 2_439_574 * 90 / 1000),
        ("pretrain/mopro/webvision-v1/seed0", 2_439_574 * 90 / 750),
        ("pretrain/mopro/webvision-v05/seed0", 1_281_167 * 90 / 750),
        ("cleaning/mopro/webvision-v2/seed0", 16_000_000 / 3000),
        ("retraining/mopro/webvision-v1/seed0", 2_439_574 * 15 / 3000),
        ("accuracy-imagenet/ce/webvision-v1/seed0", 50_000 / 3000),
        ("lowshot-voc07/ce/webvision-v1/seed0", 9_963 / 3000),
        ("lowshot-places205/ce/webvision-v1/seed0", (20_500 + 5 * 205 * 31) / 3000),
        ("finetune-1pct/ce/webvision-v1/seed0", 12_811.67 * 40 / 1000 + 8 * 50_000 / 3000),
        ("robustness-imagenet-r/ce/webvision-v1/seed0", 30_000 / 3000),
    ],
)
def test_hours_are_images_by_images_a_second(paper, job, seconds):
    assert paper[job] == pytest.approx(seconds / 3600, rel=1e-6)


def test_the_head_of_the_papers_profile_says_what_the_plan_says(capsys, tmp_path):
    assert main(["--profile", "paper", "--dry-run", "--runs", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "A100 80 GB with TF32 (NVIDIA's figure), stated by the profile" in printed
    (total,) = (float(line.split("; ")[1].split()[0]) for line in printed.splitlines() if line.endswith(" to do."))
    assert 2350 < total < 2450  # "about 2,400"


def test_what_cannot_be_told_falls_back_to_the_time_limit():
    gpu = Resources(tasks=2, gpus=1, hours=3)
    unknown = Job("something/new", Stage("run", "module:run"), {}, resources=gpu)
    known = Job("robustness-imagenet-a/x", Stage("run", "module:run"), {}, resources=gpu, images={"evaluation": 7_500})
    without_gpu = Job("robustness-imagenet-a/y", Stage("run", "module:run"), {})
    hours = {job.name: gpu_hours(job, ROUND) for job in (unknown, known, without_gpu)}
    assert hours["something/new"] is None and hours["robustness-imagenet-a/y"] is None
    assert by_kind([unknown, without_gpu], hours) == [
        {"kind": "something", "jobs": 1, "GPU-hours": 6, "from": "time limit"},
        {"kind": "robustness-imagenet-a", "jobs": 1, "GPU-hours": 0, "from": "no GPU"},
    ]


@pytest.mark.parametrize(("name", "share"), [("1pct", 0.01), ("30pct", 0.3)])
def test_a_listed_subset_is_as_large_as_its_name_says(name, share):
    subset = f"evaluate.finetune.subsets={{{name}: {{kind: list, file: names.txt}}}}"
    jobs = jobs_of(load_profile("paper", [subset]))
    hours = gpu_hours(next(job for job in jobs if job.name.startswith(f"finetune-{name}/")), ROUND)
    expected = share * 1_281_167 * 40 / 1000 + 8 * 50_000 / 3000
    assert hours == pytest.approx(expected / 3600)


def test_a_training_set_of_unknown_size_has_no_estimate():
    profile = load_profile("paper", ["data.webvision.webvision-v1.train_lines=null"])
    job = next(job for job in jobs_of(profile) if job.name == "pretrain/ce/webvision-v1/seed0")
    assert gpu_hours(job, ROUND) is None


def test_what_was_measured_here_is_used_for_the_same_network_alone(tmp_path, capsys):
    """From the measurement of a small network to the plan's estimate."""
    overrides = ["--set", "pretrain.schedule.batch_size=8", "--set", "evaluate.finetune=null"]
    arguments = ["--profile", "mini", *overrides, "--runs", str(tmp_path)]
    assert throughput.main([*arguments, "--steps", "1"]) == 0
    measured = read_measured(tmp_path / MEASURED_FILE)
    assert measured is not None and min(measured.training, measured.evaluation) > 0
    capsys.readouterr()
    on_gpus = ["--set", "resources.pretrain.gpus=1", "--set", "data.webvision.webvision.estimated_images=2000"]
    assert main([*arguments, *on_gpus, "--dry-run"]) == 0
    assert f"on {measured.device}, measured in {tmp_path / MEASURED_FILE}" in capsys.readouterr().out
    assert main(["--profile", "paper", "--dry-run", "--runs", str(tmp_path)]) == 0
    assert "stated by the profile" in capsys.readouterr().out
    assert main([*arguments, *on_gpus, "--set", "pretrain.views.size=24", "--dry-run"]) == 0
    assert "no throughput is known" in capsys.readouterr().out


def test_a_measurement_that_is_none(tmp_path):
    assert read_measured(tmp_path / MEASURED_FILE) is None
    for content in ("{", json.dumps({"device": "x"})):
        (tmp_path / MEASURED_FILE).write_text(content)
        with pytest.raises(InputError, match=r"throughput\.json is not what .* writes: measure again"):
            read_measured(tmp_path / MEASURED_FILE)


def test_measuring_needs_a_mopro_method(capsys):
    without = ["--set", "claims=null", "--set", "methods={ce: {objective: cross-entropy}}"]
    assert throughput.main(["--profile", "mini", *without]) == 2
    assert "has no method with objective mopro" in capsys.readouterr().err
