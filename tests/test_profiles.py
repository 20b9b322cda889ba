"""Profiles: what is wrong with one is said in a sentence; a change re-runs exactly what depends on it."""

import pytest

from core.errors import InputError
from profiles.expand import jobs_of
from profiles.load import FOLDER, load_profile
from run_all import main
from slurm.jobs import in_order

SHIPPED = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_expand(name):
    jobs = jobs_of(load_profile(name))
    assert len({job.name for job in jobs}) == len({job.identity for job in jobs}) == len(jobs)
    assert in_order(jobs) == jobs


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("pretrain.schedule.epoch=3", ["unknown key 'pretrain.schedule.epoch'", "'pretrain.schedule.epochs'"]),
        ("methods.mopro.treshold=1", ["unknown key 'methods.mopro.treshold'", "'methods.mopro.threshold'"]),
        ("methods.ce.vew=weak", ["unknown key 'methods.ce.vew'", "'methods.ce.view'"]),
        ("data.webvision.webvision.clases=1", ["'data.webvision.webvision.classes'"]),
        ("sede=[1]", ["unknown key 'sede'", "'seeds'"]),
        ("pretrain.schedule.epochs=many", ["pretrain.schedule.epochs", "valid integer", "'many'"]),
        ("pretrain.schedule.epochs=0", ["pretrain.schedule.epochs", "greater than 0", "found 0"]),
        ("methods.ce.objective=magic", ["methods.ce", "'magic'", "'mopro'"]),
        ("resources.pretrain.tasks=7", ["batch_size", "not divisible by 7"]),
        ("miniature=null", ["hard_images", "miniature is null"]),
        ("hard_images.backbone={depth: 10, width: 16, stem: small}", ["hard_images.backbone", "choose another"]),
        ("hard_images.seed=100", ["hard_images.seed 100", "among seeds"]),
        ("resources.retrain.tasks=7", ["retrain.schedule.batch_size 64", "not divisible by 7"]),
        ("retrain.view=strong", ["retrain.view", "'centre' or 'weak'", "found 'strong'"]),
        ("retrain.shedule=1", ["unknown key 'retrain.shedule'", "'retrain.schedule'"]),
        ("pretrain.schedule", ["expected key=value"]),
        ("name.x=1", ["'name' is a single value"]),
        ("seeds=[1", ["not a YAML value"]),
        ("seeds=[]", ["seeds", "at least 1 item"]),
        ("evaluate.finetune.subsets.5pct.fractoin=0.05", ["'evaluate.finetune.subsets.5pct.fraction'"]),
        (
            "evaluate.finetune.subsets.5pct.kind=lists",
            ["evaluate.finetune.subsets.5pct", "'lists'", "'random', 'list'"],
        ),
        ("evaluate.finetune.subsets.5pct.fraction=0.01", ["evaluate.finetune", "5pct has fraction 0.01: call it 1pct"]),
        ("evaluate.finetune.subsets={}", ["evaluate.finetune.subsets", "at least 1 item"]),
        ("evaluate.detection.batch_size=8", ["evaluate.detection", "batch_size 8 is not the 2", "scale_learning_rate"]),
        ("resources.detection.tasks=3", ["evaluate.detection.batch_size 2", "not divisible by 3"]),
        ("data.coco=null", ["evaluate.detection needs data.coco"]),
        ("evaluate.detection.shedules={}", ["'evaluate.detection.schedules'"]),
        ("resources.finetune.tasks=3", ["evaluate.finetune.schedule.batch_size 20", "not divisible by 3"]),
    ],
)
def test_mistakes_get_one_sentence(override, parts):
    with pytest.raises(InputError) as error:
        load_profile("mini", [override])
    assert all(part in error.value.sentence for part in parts), error.value.sentence
    assert "\n" not in error.value.sentence


def test_a_profile_that_extends_another_holds_what_differs(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("extends: mini\nname: site\npretrain: {schedule: {epochs: 2}}\nseeds: [7]\n")
    mini, site = load_profile("mini"), load_profile(str(path))
    assert site.pretrain.schedule == mini.pretrain.schedule.model_copy(update={"epochs": 2})
    assert (site.name, site.seeds, site.methods) == ("site", (7,), mini.methods)
    path.write_text("extends: none-such\n")
    with pytest.raises(InputError, match=r"no profile .*none-such"):
        load_profile(str(path))


def test_the_ablations_differ_from_mopro_in_one_constant_each():
    methods = {name: method.model_dump() for name, method in load_profile("ablation").methods.items()}
    for name in ("no-correction", "no-removal", "no-prototypical", "no-instance"):
        assert sum(methods[name][key] != value for key, value in methods["mopro"].items()) == 1


def test_places205_needs_its_data():
    with pytest.raises(InputError, match=r"evaluate\.lowshot_places205 needs data\.places205"):
        load_profile("mini", ["data.places205=null"])
    profile = load_profile("mini", ["data.places205=null", "evaluate.lowshot_places205=null"])
    assert not any("places205" in job.name for job in jobs_of(profile))


def test_the_papers_places205():
    (job,) = (job for job in jobs_of(load_profile("paper")) if job.name.startswith("lowshot-places205/mopro"))
    assert job.stage == "transfer.places205:run"
    assert job.config["classes"] == 205
    assert (job.config["shots"], job.config["draws"]) == ([1, 2, 4, 8, 16], 5)
    assert job.config["svm"] == {"cost": 0.5, "tolerance": 1e-4, "iterations": 2000}


def test_unknown_profile():
    with pytest.raises(InputError, match=r"no profile .*give one of .*mini"):
        load_profile("big")


def test_broken_yaml(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("name: [")
    with pytest.raises(InputError, match=r"broken\.yaml is not valid YAML"):
        load_profile(str(path))


def kinds_changed_by(*overrides: str) -> set[str]:
    before = {job.name: job.identity for job in jobs_of(load_profile("mini"))}
    after = {job.name: job.identity for job in jobs_of(load_profile("mini", overrides))}
    assert before.keys() == after.keys()
    return {"/".join(name.split("/")[:2]) for name in before if before[name] != after[name]}


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


def test_a_changed_value_makes_new_exactly_what_depends_on_it():
    everything_of = {method: {f"{kind}/{method}" for kind in ("pretrain", *EVALUATIONS)} for method in ("ce", "mopro")}
    retrained = {f"{kind}/mopro" for kind in OF_RETRAINING}
    everything_of["mopro"] |= retrained | {"cleaning/mopro"}
    both = everything_of["ce"] | everything_of["mopro"]
    assert kinds_changed_by("pretrain.schedule.epochs=2") == both
    assert kinds_changed_by("methods.mopro.alpha=0.4") == everything_of["mopro"]
    assert kinds_changed_by("evaluate.lowshot_voc07.draws=3") == {"lowshot-voc07/ce", "lowshot-voc07/mopro"}
    of_untrained = {"detection-short/random"}
    assert kinds_changed_by("miniature.seed=1") == both | {"miniature", "hard-images"} | of_untrained
    of_detection = {"detection-short/ce", "detection-short/mopro", "detection-short/random"}
    assert kinds_changed_by("evaluate.detection.precise_batch_norm=0") == of_detection
    of_hard_images = {"hard-images", "robustness-imagenet-a/ce", "robustness-imagenet-a/mopro"}
    assert kinds_changed_by("hard_images.seed=901") == of_hard_images
    assert kinds_changed_by("retrain.schedule.epochs=2") == kinds_changed_by("retrain.view=weak") == retrained
    listed = "evaluate.finetune.subsets.30pct={kind: list, file: names.txt}"
    assert kinds_changed_by(listed) == {"finetune-30pct/ce", "finetune-30pct/mopro"}


def test_what_changes_no_figure_changes_no_identity():
    settings = ("pretrain.runtime.workers=4", "pretrain.runtime.log_every=7", "evaluate.workers=3", "tolerance=2")
    assert kinds_changed_by(*settings, "resources.pretrain.hours=9", "evaluate.finetune.runtime.workers=2") == set()


def test_a_training_set_can_have_a_threshold_of_its_own():
    jobs = {job.name: job for job in jobs_of(load_profile("mini", ["data.webvision.webvision.threshold=0.6"]))}
    for kind in ("pretrain", "cleaning"):
        assert jobs[f"{kind}/mopro/webvision/seed100"].config["method"]["threshold"] == 0.6


def run_paper_on(folder, *overrides: str) -> int:
    """The exit status with every data set in one empty folder."""
    keys = (
        "webvision.webvision-v1.folder",
        "imagenet",
        "voc07",
        "places205.folder",
        "imagenet_r.folder",
        "coco.folder",
    )
    values = [f"data.{key}={folder}" for key in (*keys, "imagenet_a.folder")]
    arguments = [part for value in (*values, *overrides) for part in ("--set", value)]
    return main(["--profile", "paper", *arguments, "--runs", str(folder / "runs")])


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("data.imagenet_r.folder=/nowhere", "data.imagenet_r.folder: the folder /nowhere does not exist"),
        (
            "evaluate.finetune.subsets={1pct: {kind: list, file: /nowhere/1percent.txt}}",
            "evaluate.finetune.subsets.1pct.file: the list /nowhere/1percent.txt does not exist",
        ),
    ],
)
def test_what_is_missing_is_found_before_anything_starts(tmp_path, capsys, override, sentence):
    assert run_paper_on(tmp_path, override) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


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
    kinds = {job.name.split("/")[0] for job in jobs_of(load_profile("mini", ["retrain=null"]))}
    assert kinds == {"miniature", "hard-images", "pretrain", "untrained", *EVALUATIONS}


def test_the_pretrained_classifier_serves_fine_tuning_where_it_has_imagenets_classes():
    for shared in (True, False):
        override = f"data.webvision.webvision.shares_imagenet_classes={str(shared).lower()}"
        jobs = {job.name: job for job in jobs_of(load_profile("mini", [override]))}
        assert jobs["finetune-5pct/ce/webvision/seed100"].config["keep_classifier"] is shared


def test_another_batch_scales_the_learning_rate_on_purpose():
    overrides = ["evaluate.detection.batch_size=8", "evaluate.detection.scale_learning_rate=true"]
    detection = load_profile("paper", overrides).evaluate.detection
    assert detection is not None and detection.scaled_learning_rate == pytest.approx(0.01)
    assert load_profile("paper").evaluate.detection.scaled_learning_rate == pytest.approx(0.02)


def test_without_detection():
    jobs = jobs_of(load_profile("mini", ["evaluate.detection=null", "data.coco=null"]))
    assert not [job.name for job in jobs if job.name.startswith(("detection", "untrained"))]
