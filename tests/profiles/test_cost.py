"""GPU-hours: the arithmetic by hand, what they rest on, and what takes the place of what is not known."""

import json
import re

import pytest

from benchmarks import throughput
from core.declarations import Stage
from core.errors import InputError
from execution.jobs import Job
from execution.resources import Resources
from profiles.cost import (
    MEASURED_FILE,
    Cheaper,
    Measured,
    Throughput,
    arithmetic_of,
    by_kind,
    cheaper_plans,
    gpu_hours,
    read_measured,
)
from profiles.expand import jobs_of
from profiles.load import load_profile
from profiles.schema import Profile
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


SHORT, LONG = (
    Job(name, Stage("run", "module:run"), {}, resources=Resources(gpus=1), images={"training": hours * 3_600_000})
    for name, hours in (("short/x", 1), ("long/x", 10))
)
FASTER = Cheaper(set={"precision": "low"}, moves="all", times={"training": 2}, source="assumed")
WITHOUT_LONG = Cheaper(set={"long": None}, moves="none", without=("long",))


@pytest.mark.parametrize(
    ("to_do", "hours"),
    [
        ([SHORT, LONG], {"all": 5.5, "none": 1}),
        ([LONG], {"all": 5.5, "none": 0}),  # what is done was done in another arithmetic
        ([SHORT], {}),  # 1 hour, than which neither is cheaper
        ([], {}),
    ],
)
def test_cheaper_ways_are_those_that_save_hours_of_what_is_to_do(to_do, hours):
    plans = cheaper_plans([FASTER, WITHOUT_LONG], ROUND, [SHORT, LONG], to_do)
    assert {plan.way.moves: plan.hours for plan in plans} == pytest.approx(hours)


def test_a_profile_that_takes_a_cheaper_way_has_its_rates():
    throughput = ROUND.model_copy(update={"cheaper": (FASTER, WITHOUT_LONG)})
    assert throughput.of({"precision": "high", "long": 1}) == throughput
    taken = throughput.of({"precision": "low", "long": None})
    assert taken.device == "a round one, training 2 times as fast (assumed)"
    assert taken.rates == {"training": 2000, "evaluation": 3000}


def test_a_cheaper_way_is_about_what_the_profile_has():
    """Sections that are left out count for nothing, in what is printed and in what was taken."""
    way = Cheaper(set={"a.precision": "low", "b.c.precision": "low"}, moves="all", without=("d",))
    of_both = {"a": {"precision": "high"}, "b": {"c": {"precision": "high"}}}
    of_one = {"a": {"precision": "high"}, "b": None}
    assert way.arguments(of_both) == "--set a.precision=low --set b.c.precision=low"
    assert way.arguments(of_one) == "--set a.precision=low"
    assert not way.is_taken_by(of_one) and way.is_taken_by({"a": {"precision": "low"}, "b": None})
    assert not way.is_taken_by({"a": None, "b": None}) and not way.arguments({"a": None, "b": None})
    assert not Cheaper(set={"a": 0}, moves="all", without=("d",)).is_taken_by({"a": False})


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (
            "{set: {pretrain.arithmetic.precison: low}, moves: all, without: [x]}",
            "the profile has no key pretrain.arithmetic.precison",
        ),
        (
            "{set: {pretrian.arithmetic.precision: low}, moves: all, without: [x]}",
            "no key pretrian.arithmetic.precision",
        ),
        ("{set: {pretrain.schedule.epochs: 9}, moves: all, times: {training: 2}}", "times needs a source"),
        ("{set: {}, moves: all}", "throughput.cheaper.0.set"),
        ("{set: {pretrain.schedule.epochs: 9}, moves: all}", "found neither times nor without"),
        (
            "{set: {evaluate.detecton.schedules.2x: null}, moves: x, without: [y]}",
            "no key evaluate.detecton.schedules.2x",
        ),
        ("{set: {pretrain.nope: null}, moves: all, times: {training: 2}, source: me}", "found null alone"),
        (
            ", ".join(["{set: {arithmetic.compile: true}, moves: all, times: {training: 2}, source: me}"] * 2),
            "two ways of cheaper have times and set arithmetic.compile",
        ),
        (
            "{set: {pretrain.schedule.epochs: 9}, moves: all, times: {trainng: 2}, source: me}",
            "cheaper.0.times.trainng: there is no such rate, expected some of training, evaluation, detection",
        ),
    ],
)
def test_a_cheaper_way_that_leads_nowhere_is_refused(way, said):
    with pytest.raises(InputError, match=re.escape(said)):
        load_profile("paper", [f"throughput.cheaper=[{way}]"])


def test_factors_hold_for_rates_of_another_gpu(capsys, tmp_path):
    values = ("device=mine", "training=1500", "evaluation=4500")
    sets = [word for value in values for word in ("--set", f"throughput.{value}")]
    *_, faster, _ = printed_plan(capsys, tmp_path, *sets)
    assert "on mine, training 2.29 times as fast (" in faster and ": 3435 training, 4500 evaluation, " in faster


def test_a_section_that_is_left_out_is_not_asked_for(capsys, tmp_path):
    *_, faster, _ = printed_plan(capsys, tmp_path, "--set", "evaluate.finetune=null")
    printed = faster.splitlines()[0].partition(" with ")[2].split()
    assert printed == ["--set", "pretrain.arithmetic.precision=bfloat16", "--set", "arithmetic.compile=true"]
    *_, own, _ = printed_plan(capsys, tmp_path, "--set", "evaluate.finetune=null", *printed)
    assert "training 2.29 times as fast" in own


def loaded_by(name: str, way: Cheaper) -> Profile:
    """A shipped profile with the values of a cheaper way, as the command takes them."""
    arguments = way.arguments(load_profile(name).model_dump(mode="json"))
    return load_profile(name, arguments.removeprefix("--set ").split(" --set "))


@pytest.mark.parametrize("name", ["paper", "released", "webvision50"])
def test_the_cheaper_ways_of_what_ships_are_what_they_say(name):
    profile = load_profile(name)
    assert profile.throughput is not None and profile.throughput.cheaper
    for way in profile.throughput.cheaper:
        other = loaded_by(name, way)
        assert way.is_taken_by(other.model_dump(mode="json"))
        assert not way.is_taken_by(profile.model_dump(mode="json"))
        jobs, others = ({job.name: job for job in jobs_of(it)} for it in (profile, other))
        assert {job.kind for job in jobs.values()} - {job.kind for job in others.values()} == set(way.without)
        if way.times:
            assert "assumed, not measured here" in way.source
            assert not {job.identity for job in jobs.values()} & {job.identity for job in others.values()}
        else:
            assert all(job.identity == jobs[of_other].identity for of_other, job in others.items())


def printed_plan(capsys, runs, *arguments: str) -> list[str]:
    """The paragraphs of a dry run."""
    assert main(["--profile", "paper", *arguments, "--dry-run", "--runs", str(runs)]) == 0
    return capsys.readouterr().out.split("\n\n")


def test_a_plan_says_what_cheaper_ways_cost_and_what_they_move(capsys, tmp_path):
    *_, own, faster, shorter = printed_plan(capsys, tmp_path)
    total = float(own.splitlines()[-1].split("; ")[1].split()[0])
    first = faster.splitlines()[0]
    hours, less = (float(number) for number in re.findall(r"([\d.]+) (?:GPU-hours,|less,)", first))
    assert hours + less == pytest.approx(total, abs=1.5)
    assert less == pytest.approx((1269.7 + 10.9) * (1 - 1 / 2.29), rel=0.01)  # of pretraining and fine-tuning
    assert first.endswith(
        "with --set pretrain.arithmetic.precision=bfloat16 --set evaluate.finetune.arithmetic.precision=bfloat16 "
        "--set arithmetic.compile=true"
    )
    assert "assumed, not measured here): 2074.74 training, 2718 evaluation, 7.7 detection." in faster
    assert "Figures that may move: all, " in faster
    saved = 7 * 180_000 * 16 / 7.7 / 3600
    assert f"{saved:.4g} less, with --set evaluate.detection.schedules.2x=null\n" in shorter
    assert "Figures that may move: none" in shorter


def test_a_plan_by_all_cheaper_ways_rests_on_their_rates_and_names_none(capsys, tmp_path):
    profile = load_profile("paper")
    assert profile.throughput is not None
    ways = (way.arguments(profile.model_dump(mode="json")) for way in profile.throughput.cheaper)
    values = [word for way in ways for word in way.split()]
    (last,) = (it for it in printed_plan(capsys, tmp_path, *values) if "GPU-hours to do." in it)
    assert "training 2.29 times as fast" in last and "(2074.74 training" in last
    assert "less, with" not in last


def test_beside_what_was_measured_cheaper_ways_are_named_too(capsys, tmp_path):
    profile = load_profile("paper")
    values = profile.model_dump(mode="json")
    measured = Measured(
        device="mine",
        training=100,
        evaluation=300,
        others={"detection": 1},
        backbone=values["pretrain"]["backbone"],
        arithmetic=arithmetic_of(values),
        size=224,
        batch_size=32,
    )
    (tmp_path / MEASURED_FILE).write_text(measured.model_dump_json())
    *_, own, faster, shorter = printed_plan(capsys, tmp_path)
    assert "on mine, measured in" in own
    assert "on mine, training 2.29 times as fast (" in faster and ": 229 training" in faster
    assert f"{7 * 180_000 * 16 / 3600:.4g} less, with --set evaluate.detection.schedules.2x=null" in shorter


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
