"""Profiles: what is wrong with one is said in a sentence; a change re-runs exactly what depends on it."""

import pytest

import run_all
from core.errors import InputError
from profiles.expand import jobs_of
from profiles.load import FOLDER, load_profile
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
        ("resources.finetune.tasks=3", ["evaluate.finetune.schedule.batch_size 20", "not divisible by 3"]),
    ],
)
def test_mistakes_get_one_sentence(override, parts):
    with pytest.raises(InputError) as error:
        load_profile("mini", [override])
    assert all(part in error.value.sentence for part in parts), error.value.sentence
    assert "\n" not in error.value.sentence


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


EVALUATIONS = ("accuracy-webvision", "accuracy-imagenet", "lowshot-voc07", "finetune-5pct", "finetune-30pct")


def test_a_changed_value_makes_new_exactly_what_depends_on_it():
    everything_of = {method: {f"{kind}/{method}" for kind in ("pretrain", *EVALUATIONS)} for method in ("ce", "mopro")}
    both = everything_of["ce"] | everything_of["mopro"]
    assert kinds_changed_by("pretrain.schedule.epochs=2") == both
    assert kinds_changed_by("methods.mopro.alpha=0.4") == everything_of["mopro"]
    assert kinds_changed_by("evaluate.lowshot_voc07.draws=3") == {"lowshot-voc07/ce", "lowshot-voc07/mopro"}
    listed = "evaluate.finetune.subsets.30pct={kind: list, file: names.txt}"
    assert kinds_changed_by(listed) == {"finetune-30pct/ce", "finetune-30pct/mopro"}
    assert kinds_changed_by("miniature.seed=1") == both | {"miniature"}


def test_what_changes_no_figure_changes_no_identity():
    settings = ("pretrain.runtime.workers=4", "pretrain.runtime.log_every=7", "evaluate.workers=3", "tolerance=2")
    assert kinds_changed_by(*settings, "resources.pretrain.hours=9", "evaluate.finetune.runtime.workers=2") == set()


def test_a_training_set_can_have_a_threshold_of_its_own():
    jobs = {job.name: job for job in jobs_of(load_profile("mini", ["data.webvision.webvision.threshold=0.6"]))}
    assert jobs["pretrain/mopro/webvision/seed100"].config["method"]["threshold"] == 0.6


def test_the_pretrained_classifier_serves_fine_tuning_where_it_has_imagenets_classes():
    for shared in (True, False):
        override = f"data.webvision.webvision.shares_imagenet_classes={str(shared).lower()}"
        jobs = {job.name: job for job in jobs_of(load_profile("mini", [override]))}
        assert jobs["finetune-5pct/ce/webvision/seed100"].config["keep_classifier"] is shared


def test_a_list_that_is_not_there_is_found_before_anything_starts(tmp_path, capsys):
    changes = {
        "miniature": "null",
        "data.webvision.webvision.folder": tmp_path,
        "data.imagenet": tmp_path,
        "data.voc07": tmp_path,
        "evaluate.finetune.subsets": "{1pct: {kind: list, file: /nowhere/1percent.txt}}",
    }
    overrides = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    assert run_all.main(["--dry-run", *overrides]) == 2
    sentence = "evaluate.finetune.subsets.1pct.file: the list /nowhere/1percent.txt does not exist"
    assert sentence in capsys.readouterr().err
