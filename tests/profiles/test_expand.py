"""From a profile to jobs: which there are, what each depends on, and what changes an identity."""

from functools import partial

import pytest

from execution.jobs import Job
from profiles.expand import jobs_of
from profiles.load import load_profile, validated
from profiles.runs import pretrained
from run_all import main
from tests.support.operations import operations


def test_the_paper_pretrains_on_three_sets_with_their_own_thresholds():
    jobs = {job.name: job.config for job in jobs_of(load_profile("paper"))}
    found = {}
    for version in ("v05", "v1", "v2"):
        config = jobs[f"pretrain/mopro/webvision-{version}/seed0"]
        found[version] = (config["classes"], config["method"]["threshold"], config.get("subset"))
        assert f"pretrain/ce/webvision-{version}/seed0" in jobs
        assert (f"robustness-imagenet-r/ce/webvision-{version}/seed0" in jobs) is (version != "v2")
        assert jobs[f"finetune-1pct/ce/webvision-{version}/seed0"]["keep_classifier"] is (version != "v2")
    assert found["v05"] == (1000, 0.8, {"seed": 0, "images": 1281167})
    assert found["v1"][:2] == (1000, 0.8) and found["v2"][:2] == (5000, 0.6)
    assert jobs["pretrain/ce/webvision-v05/seed0"]["webvision"] == jobs["pretrain/ce/webvision-v1/seed0"]["webvision"]


def test_the_pilot_is_the_paper_on_one_gpu():
    paper, pilot = load_profile("paper"), load_profile("pilot")
    assert list(pilot.data.webvision) == ["webvision-v1"]
    for key in ("views", "backbone", "arithmetic"):
        assert getattr(pilot.pretrain, key) == getattr(paper.pretrain, key)
    assert {job.resources.all_gpus for job in jobs_of(pilot)} <= {0, 1}
    assert pilot.pretrain.schedule.learning_rate == paper.pretrain.schedule.learning_rate


RELEASED = {
    "mopro-v1-release": (
        "webvision-v1.0",
        {"accuracy-webvision", "accuracy-imagenet", "finetune-1pct", "robustness-imagenet-r"},
    ),
    "mopro-v2-release": ("webvision-v2.0", {"finetune-1pct"}),
    "imagenet-supervised": ("imagenet", {"accuracy-webvision", "accuracy-imagenet", "robustness-imagenet-r"}),
    "byol": ("imagenet", {"finetune-1pct"}),
}


@pytest.mark.parametrize(("method", "expected"), RELEASED.items())
def test_a_release_has_one_run_of_what_it_can_be_asked(method, expected):
    training_set, some = expected
    jobs = [job for job in jobs_of(load_profile("released", ["seeds=[4, 5]"])) if job.tags["method"] == method]
    (release,) = (job for job in jobs if job.stage.id == "released")
    assert release.name == f"released/{method}/{training_set}/seed0"
    kinds = {job.name.split("/")[0] for job in jobs}
    assert kinds >= {"released", "lowshot-voc07", "lowshot-places205"} and len(kinds) == len(jobs)
    asked = ("accuracy-webvision", "accuracy-imagenet", "finetune-1pct", "robustness-imagenet-r")
    assert {kind for kind in asked if kind in kinds} == some
    for job in jobs:
        assert job.tags["seed"] == "0" and job.config.get("seed", 4) == 4
        assert job is release or job.needs["checkpoint"] is release
        if job.name.startswith("finetune"):
            assert job.config["keep_classifier"] is (method == "mopro-v1-release")


def test_released_jobs_are_more_of_the_papers():
    """Same folder, same identities: nothing that the paper's profile has done is done again."""
    paper, released = load_profile("paper"), load_profile("released")
    assert released.name == paper.name
    of_paper, all_jobs = ({job.name: job.identity for job in jobs_of(profile)} for profile in (paper, released))
    assert of_paper.items() < all_jobs.items()


def test_the_content_of_a_release_identifies_it_where_its_digest_is_known():
    def identity(**keys: str) -> str:
        changes = [f"methods.byol.{key}={value}" for key, value in keys.items()]
        jobs = {job.name: job for job in jobs_of(load_profile("released", changes))}
        return jobs["lowshot-voc07/byol/imagenet/seed0"].identity

    assert identity() != identity(file="/elsewhere.pth")
    a, b = "a" * 64, "b" * 64
    assert identity(sha256=a) == identity(sha256=a, file="/elsewhere.pth") != identity(sha256=b)


def kinds_changed_by(*overrides: str) -> set[str]:
    """Kind and method of the miniature's jobs with another identity; the kind alone of those that serve all methods."""
    before = {job.name: job for job in jobs_of(load_profile("mini"))}
    after = {job.name: job for job in jobs_of(load_profile("mini", overrides))}
    assert before.keys() == after.keys()
    changed = [job for name, job in before.items() if job.identity != after[name].identity]
    return {"/".join([job.kind, *([job.tags["method"]] if "method" in job.tags else [])]) for job in changed}


EVALUATIONS = (
    "accuracy-webvision",
    "accuracy-imagenet",
    "lowshot-voc07",
    "lowshot-places205",
    "robustness-imagenet-r",
    "robustness-imagenet-a",
    "finetune-5pct",
    "finetune-30pct",
    "detection-short",
)
OF_RETRAINING = ("retraining", "accuracy-webvision-retrained", "accuracy-imagenet-retrained")  # MoPro's alone
METHODS = ("ce", "ce-strong-view", "no-correction", "mopro")


def of_each(methods, *kinds: str) -> set[str]:
    return {f"{kind}/{method}" for method in methods for kind in kinds}


def test_a_changed_value_makes_new_exactly_what_depends_on_it():
    retrained = of_each(["mopro"], *OF_RETRAINING)
    all_runs = of_each(METHODS, "pretrain", *EVALUATIONS) | retrained | {"cleaning/mopro"}
    of_mopro = {name for name in all_runs if name.endswith("/mopro")}
    assert kinds_changed_by("pretrain.schedule.epochs=27") == all_runs
    assert kinds_changed_by("methods.mopro.alpha=0.4") == of_mopro
    assert kinds_changed_by("evaluate.lowshot_voc07.draws=3") == of_each(METHODS, "lowshot-voc07")
    of_untrained = {"detection-short/random"}
    worlds = {"miniature", "hard-images"}
    assert kinds_changed_by("miniature.image_size=40") == all_runs | worlds | of_untrained
    assert kinds_changed_by("instructions=null") == all_runs | worlds | of_untrained | {"untrained/random"}
    of_detection = of_each(METHODS, "detection-short") | of_untrained
    assert kinds_changed_by("evaluate.detection.precise_batch_norm=0") == of_detection
    of_hard_images = {"hard-images"} | of_each(METHODS, "robustness-imagenet-a")
    assert kinds_changed_by("hard_images.schedule.epochs=9") == of_hard_images
    assert (
        kinds_changed_by("evaluate.retrain.schedule.epochs=12")
        == kinds_changed_by("evaluate.retrain.view=weak")
        == retrained
    )
    listed = "evaluate.finetune.subsets.30pct={kind: list, file: names.txt}"
    assert kinds_changed_by(listed) == of_each(METHODS, "finetune-30pct")


def world_of(job: Job) -> set[str]:
    """Names of the jobs that made the data of a job, and of what it needs."""
    made = {need.name for need in job.needs.values() if need.kind in ("miniature", "hard-images")}
    return made.union(*(world_of(need) for need in job.needs.values()))


def test_every_seed_has_a_world_that_its_methods_share():
    jobs = jobs_of(load_profile("mini", ["seeds=[3, 5]", "evaluate.detection.untrained_seeds=[3]"]))
    for job in jobs:
        assert world_of(job) <= {f"miniature/seed{job.tags['seed']}", f"hard-images/seed{job.tags['seed']}"}
        if "method" in job.tags and job.kind != "untrained":
            assert f"miniature/seed{job.tags['seed']}" in world_of(job), job.name
    built = {job.name: job.config for job in jobs if job.kind == "miniature"}
    assert [config["seed"] for config in built.values()] == [3, 5]
    alone = {job.name: job.identity for job in jobs_of(load_profile("mini", ["seeds=[5]"]))}
    assert all(alone[job.name] == job.identity for job in jobs if job.tags["seed"] == "5")


def test_without_a_miniature_all_seeds_share_the_data():
    jobs = jobs_of(load_profile("paper"))
    assert not any(world_of(job) for job in jobs)


def test_a_watched_run_is_the_very_pretraining():
    jobs = jobs_of(load_profile("regime", ["seeds=[0]"]))
    watched = {job.tags["method"]: job for job in jobs if job.kind == "memorisation"}
    assert watched.keys() == {"ce", "mopro"}
    for job in watched.values():
        pretraining = job.needs["checkpoint"]
        assert pretraining.config.items() <= job.config.items()


def test_what_changes_no_figure_changes_no_identity():
    settings = ("pretrain.runtime.workers=4", "pretrain.runtime.log_every=7", "evaluate.workers=3", "tolerance=2")
    assert kinds_changed_by(*settings, "resources.pretrain.hours=9", "evaluate.finetune.runtime.workers=2") == set()


def test_a_training_set_can_have_a_threshold_of_its_own():
    jobs = {job.name: job for job in jobs_of(load_profile("mini", ["data.webvision.webvision.threshold=0.6"]))}
    for kind in ("pretrain", "cleaning"):
        assert jobs[f"{kind}/mopro/webvision/seed100"].config["method"]["threshold"] == 0.6


def test_the_paper_can_be_planned_without_its_data(capsys):
    assert main(["--profile", "paper", "--dry-run"]) == 0
    assert "pretrain/mopro/webvision-v1/seed0" in capsys.readouterr().out


def test_robustness_is_evaluated_where_classes_are_imagenets():
    jobs = jobs_of(load_profile("mini", ["data.webvision.webvision.shares_imagenet_classes=false"]))
    assert not [job.name for job in jobs if job.name.startswith("robustness")]
    jobs = jobs_of(load_profile("mini", ["data.imagenet_a=null", "hard_images=null"]))
    kinds = {job.name.split("/")[0] for job in jobs}
    assert "robustness-imagenet-r" in kinds and not kinds & {"robustness-imagenet-a", "hard-images"}


def test_without_retraining():
    kinds = {job.name.split("/")[0] for job in jobs_of(load_profile("mini", ["evaluate.retrain=null"]))}
    assert kinds == {"miniature", "hard-images", "pretrain", "untrained", *EVALUATIONS}


def test_the_pretrained_classifier_serves_fine_tuning_where_it_has_imagenets_classes():
    for shared in (True, False):
        override = f"data.webvision.webvision.shares_imagenet_classes={str(shared).lower()}"
        jobs = {job.name: job for job in jobs_of(load_profile("mini", [override]))}
        assert jobs["finetune-5pct/ce/webvision/seed100"].config["keep_classifier"] is shared


def test_without_detection():
    jobs = jobs_of(load_profile("mini", ["evaluate.detection=null", "data.coco=null"]))
    assert not [job.name for job in jobs if job.name.startswith(("detection", "untrained"))]


def test_a_kind_of_jobs_may_be_named_by_its_beginning(capsys, tmp_path):
    assert main(["--only", "lowshot", "--dry-run", "--runs", str(tmp_path)]) == 0
    kinds = {line.split("/")[0] for line in capsys.readouterr().out.splitlines()[2:-1]}
    assert {"lowshot-voc07", "lowshot-places205"} <= kinds and "accuracy-imagenet" not in kinds
    assert main(["--only", "accuracy-imagenet", "--dry-run", "--runs", str(tmp_path)]) == 0
    assert "accuracy-imagenet-retrained" not in capsys.readouterr().out


def test_a_run_among_many_methods_takes_no_longer():
    """For each, all methods were once gone through."""
    paper = load_profile("paper").model_dump(mode="json")
    mopro = paper["methods"]["mopro"]
    paper["methods"] |= {f"mopro-{number}": {**mopro, "title": f"MoPro {number}"} for number in range(20)}
    few, many = (
        partial(pretrained, profile, "webvision-v1", "mopro", 0, {})
        for profile in (load_profile("paper"), validated(paper, "many methods"))
    )
    few()  # with what is built once
    assert operations(few) == operations(many)
