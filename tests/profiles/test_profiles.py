"""Profiles: what is wrong with one is said in a sentence; a change re-runs exactly what depends on it."""

import pytest
from pydantic import ValidationError

from core.errors import InputError
from execution.jobs import topologically_sorted
from profiles.expand import jobs_of
from profiles.load import FOLDER, load_profile

SHIPPED = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_expand(name):
    jobs = jobs_of(load_profile(name))
    assert len({job.name for job in jobs}) == len({job.identity for job in jobs}) == len(jobs)
    assert topologically_sorted(jobs) == jobs


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("pretrain.schedule.epoch=3", ["unknown key 'pretrain.schedule.epoch'", "'pretrain.schedule.epochs'"]),
        ("methods.ce.title=MoPro", ["methods.ce on data.webvision.webvision and methods.mopro on data.webvision.web"]),
        (
            "methods.ce.published={lowshott: [MoPro]}",
            ["methods.ce.published.lowshott: no such", "nearest is 'lowshot'"],
        ),
        (
            "methods.ce.published={lowshot: [MoProo]}",
            ["published.lowshot: no row 'MoProo' is pub", "nearest is 'MoPro'"],
        ),
        ("published=papers", ["published: found 'papers', expected one of paper, webvision50"]),
        ("claims.better=ce", ["claims: ce is among the baselines", "take it out"]),
        ("claims.baselines=[ce, ce]", ["claims.baselines: ce appears twice"]),
        ("claims.baselines=[]", ["claims: name who is compared", "better and baselines, or by comparisons"]),
        (
            "claims.baselines=[ce, plain]",
            ["claims.baselines names plain, but methods has ce, ce-strong-view, no-correction"],
        ),
        (
            "methods.no-correction=null",
            ["claims.steps names no-correction", "name one of those, or set claims"],
        ),
        ("methods.mopro=null", ["claims.better names mopro, but methods has ce, ce-strong-view, no-correction"]),
        ("claims.primary={}", ["claims.primary", "at least 1 item"]),
        ("claims.primary.accuracy=[]", ["claims.primary.accuracy", "at least 1 item"]),
        (
            "claims.primary.accuracy=[accuracy-imagnet/top1]",
            ["claims.primary.accuracy.0: no table has a figure 'accuracy-imagnet/top1'", "accuracy-imagenet/top1"],
        ),
        (
            "claims.primary.detection=[detection-short/box_ap, accuracy-imagenet/top1]",
            ["claims: accuracy-imagenet/top1 is in accuracy and in detection: name it in one of them"],
        ),
        (
            "claims.primary.detection=[detection-short/box_ap, detection-short/box_ap]",
            ["claims.primary.detection: detection-short/box_ap appears twice"],
        ),
        (
            "claims.primary={all: [accuracy-imagenet/top1, robustness-imagenet-r/calibration_error_without_last_bin]}",
            [
                "claims.primary: of the figures of all, accuracy-imagenet/top1 and robustness-imagenet-r",
                "opposite directions",
            ],
        ),
        ("claims.primary={a/b: [accuracy-imagenet/top1]}", ["claims.primary.a/b"]),
        ("claims.margin=-1", ["claims.margin", "found -1"]),
        ("claims.steps=[mopro]", ["claims.steps", "at least 2 items"]),
        ("claims.steps=[ce, ce-strong-view]", ["claims: steps lead from ce to ce-strong-view, expected", "to mopro"]),
        ("claims.step=[]", ["unknown key 'claims.step'", "'claims.steps'"]),
        ("methods.mopro.treshold=1", ["unknown key 'methods.mopro.treshold'", "'methods.mopro.threshold'"]),
        ("methods.ce.vew=weak", ["unknown key 'methods.ce.vew'", "'methods.ce.view'"]),
        ("data.webvision.webvision.clases=1", ["'data.webvision.webvision.classes'"]),
        ("sede=[1]", ["unknown key 'sede'", "'seeds'"]),
        ("pretrain.schedule.epochs=many", ["pretrain.schedule.epochs", "valid integer", "'many'"]),
        ("pretrain.schedule.epochs=0", ["pretrain.schedule.epochs", "greater than 0", "found 0"]),
        ("methods.ce.objective=magic", ["methods.ce", "'magic'", "'mopro'"]),
        ("resources.pretrain.tasks=7", ["batch_size", "not divisible by 7"]),
        ("miniature=null", ["hard_images", "miniature is null"]),
        ("hard_images.backbone={depth: 10, width: 24, stem: small}", ["hard_images.backbone", "choose another"]),
        ("evaluate.memorisation={view: {resize: 32, crop: 28}, methods: [mine]}", ["names mine", "not trained"]),
        ("resources.retrain.tasks=7", ["evaluate.retrain.schedule.batch_size 64", "not divisible by 7"]),
        ("evaluate.retrain.view=strong", ["evaluate.retrain.view", "'centre' or 'weak'", "found 'strong'"]),
        ("evaluate.retrain.shedule=1", ["unknown key 'evaluate.retrain.shedule'", "'evaluate.retrain.schedule'"]),
        ("pretrain.schedule", ["expected key=value"]),
        ("name.x=1", ["'name' is a single value"]),
        ("seeds.0=1", ["'seeds' is a list", "give the whole of it"]),
        ("=1", ["--set =1", "a part of the key is empty"]),
        ("pretrain..epochs=1", ["a part of the key is empty"]),
        ("data.voc07=", ["the value is empty", "or null"]),
        ("a=b=c", ["unknown key 'a'"]),
        ("evaluate.detecton=null", ["unknown key 'evaluate.detecton'", "'evaluate.detection'"]),
        ("seeds=[100, 100]", ["seeds: 100 appears twice"]),
        ("seeds=[4294967296]", ["seeds.0", "less than 4294967296"]),
        ("evaluate.detection.untrained_seeds=[3, 3]", ["untrained_seeds: 3 appears twice"]),
        ("pretrain.schedule.epochs=true", ["pretrain.schedule.epochs", "valid integer", "found True"]),
        ("pretrain.schedule.epochs=1e1", ["pretrain.schedule.epochs", "valid integer", "found 10.0"]),
        ("pretrain.arithmetic.channels_last=1", ["channels_last", "valid boolean", "found 1"]),
        ("pretrain.schedule.learning_rate=.inf", ["learning_rate=.inf", "holds .inf", "finite number"]),
        ("pretrain.schedule.learning_rate=1e999", ["holds 1e999", "finite number"]),
        ("pretrain.schedule.momentum=1", ["pretrain.schedule.momentum", "less than 1"]),
        ("pretrain.schedule.decay_at=[99]", ["pretrain.schedule: decay_at names epoch 99", "the last is 27"]),
        ("pretrain.schedule.epochs=5", ["decay_at names epoch 14", "change decay_at with epochs"]),
        ("hard_images.schedule.decay_at=[8]", ["hard_images.schedule: decay_at names epoch 8", "the last is 7"]),
        (
            "evaluate.retrain.schedule.decay_at=[5, 5]",
            ["evaluate.retrain.schedule.decay_at", "larger than the one before"],
        ),
        ("evaluate.detection.schedules.short.decay_at=[270]", ["decay_at names iteration 270", "the last is 269"]),
        ("evaluate.detection.warmup=270", ["warmup 270 leaves nothing of the 270 iterations of short"]),
        ("evaluate.detection.long_side=100", ["128 pixels", "long_side, 100"]),
        (
            "evaluate.detection.schedules={3x: {iterations: 90, decay_at: []}}",
            ["a schedule called 3x", "1x, 2x, short"],
        ),
        ("evaluate.lowshot_voc07.shots=[0]", ["evaluate.lowshot_voc07.shots.0", "greater than 0"]),
        ("evaluate.lowshot_voc07.shots=[3]", ["no table has a column", "shots of 3", "1, 2, 4, 8, 16"]),
        ("evaluate.lowshot_places205.shots=[1, 32]", ["no table has a column", "shots of 32"]),
        ("evaluate.lowshot_places205.shots=[1, 1]", ["evaluate.lowshot_places205.shots: 1 appears twice"]),
        ("evaluate.lowshot_voc07.svm.cost=.inf", ["cost=.inf", "finite number"]),
        ("evaluate.finetune.subsets.2pct={kind: random, fraction: 0.02}", ["a subset called 2pct", "1pct, 10pct"]),
        ("evaluate.accuracy.sets=[]", ["evaluate.accuracy.sets", "at least 1 item"]),
        ("evaluate.accuracy.view={resize: 20, crop: 28}", ["crop 28 is larger than resize 20"]),
        ("pretrain.views.crop_scale=[1, 0.5]", ["pretrain.views: crop_scale is [1, 0.5]", "the smallest first"]),
        ("pretrain.views.crop_scale=[0, 0.5]", ["pretrain.views.crop_scale.0", "greater than 0"]),
        ("pretrain.backbone.depth=50", ["pretrain.backbone: depth 50 has width 64, found 24"]),
        ("methods.a/b={objective: cross-entropy}", ["methods.a/b", "'a/b'", "letters, digits"]),
        ("methods={..: {objective: cross-entropy}}", ["'..'", "letters, digits"]),
        ("data.webvision={a b: {folder: x, classes: 10}}", ["'a b'", "letters, digits"]),
        (
            "methods={ce: {objective: cross-entropy}, CE: {objective: cross-entropy}}",
            ["ce and CE", "in capitals alone"],
        ),
        ('data.voc07="/a\\nb"', ["data.voc07: found '/a\\nb'", "the path of a file"]),
        ("methods.mopro.encoder_momentum=1", ["encoder_momentum", "less than 1"]),
        ("methods.ce={objective: released, file: a, pretrained_on: '//'}", ["methods.ce.pretrained_on", "title '//'"]),
        ("data.voc07=''", ["data.voc07: found ''", "the path of a file or folder"]),
        ("data.webvision=null", ["data.webvision: field required"]),
        ("data.webvision.webvision=null", ["methods.ce is to be pretrained, but data.webvision names no set"]),
        (
            "evaluate.finetune.classes=12",
            ["evaluate.finetune.classes is 12", "data.webvision.webvision.classes has 10"],
        ),
        ("data={webvision: 3}", ["data.webvision", "valid dictionary", "found 3"]),
        ("resources.pretrain.hours=1e9", ["resources.pretrain.hours", "less than or equal to 8760"]),
        ("resources.miniature.tasks=2", ["resources.miniature.tasks is 2"]),
        ('slurm.sbatch={comment: "a\\nrm x"}', ["slurm.sbatch.comment"]),
        ("slurm.sbatch={account: [1]}", ["slurm.sbatch.account:", "found [1]"]),
        ("slurm.sbatch={exclusive: false}", ["slurm.sbatch: sbatch option 'exclusive' is false"]),
        ("seeds=[1", ["--set seeds=[1: the value is not valid YAML"]),
        ("seeds=[]", ["seeds", "at least 1 item"]),
        ("evaluate.finetune.subsets.5pct.fractoin=0.05", ["'evaluate.finetune.subsets.5pct.fraction'"]),
        (
            "evaluate.finetune.subsets.5pct.kind=lists",
            ["evaluate.finetune.subsets.5pct", "'lists'", "'random', 'list'"],
        ),
        ("evaluate.finetune.subsets.5pct.fraction=0.01", ["evaluate.finetune", "5pct has fraction 0.01: call it 1pct"]),
        ("evaluate.finetune.subsets={}", ["evaluate.finetune.subsets", "at least 1 item"]),
        (
            "methods.ce={objective: released, file: a, pretrained_on: ImageNet, layout: moco}",
            ["methods.ce.layout", "no layout moco", "moco-v2"],
        ),
        ("methods.ce={objective: released, file: a}", ["methods.ce.pretrained_on", "field required"]),
        (
            "methods.ce={objective: released, file: a, pretrained_on: ImageNet, layuot: swav}",
            ["'methods.ce.layuot'", "'methods.ce.layout'"],
        ),
        ("tolerance={accuracy: 1}", ["tolerance.lowshot", "field required"]),
        ("tolerance.coco=2", ["'tolerance' is a single value"]),
        ("tolerance=-1", ["tolerance.accuracy", "greater than or equal to 0"]),
        ("tolerance=close", ["tolerance", "'close'"]),
        ("throughput={device: x, training: 0, evaluation: 1}", ["throughput.training"]),
        ("evaluate.detection.batch_size=8", ["evaluate.detection", "batch_size 8 is not the 2", "scale_learning_rate"]),
        ("resources.detection.tasks=3", ["evaluate.detection.batch_size 2", "not divisible by 3"]),
        ("data.coco=null", ["evaluate.detection needs data.coco"]),
        ("data.voc07=null", ["evaluate.lowshot_voc07 needs data.voc07, found none: name its folder"]),
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
    path.write_text("extends: mini\nname: site\npretrain: {schedule: {epochs: 2, decay_at: [1]}}\nseeds: [7]\n")
    mini, site = load_profile("mini"), load_profile(str(path))
    assert site.pretrain.schedule == mini.pretrain.schedule.model_copy(update={"epochs": 2, "decay_at": (1,)})
    assert (site.name, site.seeds, site.methods) == ("site", (7,), mini.methods)
    path.write_text("extends: none-such\n")
    with pytest.raises(InputError, match=r"no profile .*none-such"):
        load_profile(str(path))


def test_null_takes_away_what_the_extended_profile_has(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(
        "extends: mini\nclaims: null\nmethods: {ce: null, ce-strong-view: null}\n"
        "evaluate: {finetune: {subsets: {30pct: null}}, robustness: null}\n"
    )
    site = load_profile(str(path))
    assert list(site.methods) == ["no-correction", "mopro", "random"]
    assert site.evaluate.finetune and list(site.evaluate.finetune.subsets) == ["5pct"]
    assert site.evaluate.robustness is None
    assert "ce" not in load_profile("mini", ["claims=null", "methods.ce=null"]).methods
    with pytest.raises(InputError, match=r"methods: .*at least 1 item"):
        load_profile("mini", ["methods={}"])
    with pytest.raises(InputError, match=r"pretrain: field required"):
        load_profile("mini", ["pretrain=null"])


def test_claims_are_as_a_profile_has_them():
    """An evaluation that is left out is no fault: its claims are not run."""
    mini = load_profile("mini").claims
    assert mini and load_profile("mini", ["evaluate.detection=null"]).claims == mini
    assert load_profile("ablation").claims == mini and load_profile("paper").claims is None
    assert load_profile("mini", ["claims=null"]).claims is None
    assert "detection" not in load_profile("mini", ["claims.primary.detection=null"]).claims.primary
    with pytest.raises(ValidationError):
        mini.margin = 2


def test_the_ablations_differ_from_mopro_in_one_constant_each():
    methods = {name: method.hyperparameters() for name, method in load_profile("ablation").pretrained.items()}
    for name in ("no-correction", "no-removal", "no-prototypical", "no-instance"):
        assert sum(methods[name][key] != value for key, value in methods["mopro"].items()) == 1


def test_places205_needs_its_data():
    with pytest.raises(InputError, match=r"evaluate\.lowshot_places205 needs data\.places205"):
        load_profile("mini", ["data.places205=null"])
    profile = load_profile("mini", ["data.places205=null", "evaluate.lowshot_places205=null"])
    assert not any("places205" in job.name for job in jobs_of(profile))


def test_the_papers_places205():
    places205 = "lowshot-places205/mopro/webvision-v1/"
    (job,) = (job for job in jobs_of(load_profile("paper")) if job.name.startswith(places205))
    assert job.stage.id == "lowshot-places205"
    assert job.config["classes"] == 205
    assert (job.config["shots"], job.config["draws"]) == ([1, 2, 4, 8, 16], 5)
    assert job.config["svm"] == {"cost": 0.5, "tolerance": 1e-4, "iterations": 2000}


def test_unknown_profile():
    with pytest.raises(InputError, match=r"no profile .*give one of .*mini"):
        load_profile("big")


def test_a_site_file_changes_where_and_how_but_nothing_else(tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text(
        "data: {imagenet: /scratch/imagenet}\n"
        "resources: {pretrain: {tasks: 4, nodes: 2, sbatch: {partition: long}}}\n"
        "slurm: {sbatch: {account: vision, partition: gpu}, setup: [module load cuda]}\n"
    )
    profile = load_profile("paper", site=site)
    assert profile.data.imagenet == "/scratch/imagenet"
    assert (profile.resources.pretrain.tasks, profile.resources.pretrain.nodes) == (4, 2)
    assert profile.resources.pretrain.hours == load_profile("paper").resources.pretrain.hours
    assert profile.slurm.sbatch == {"account": "vision", "partition": "gpu"}
    before = {job.name: job.identity for job in jobs_of(load_profile("paper", ["data.imagenet=/scratch/imagenet"]))}
    assert {job.name: job.identity for job in jobs_of(profile)} == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("pretrain: {schedule: {epochs: 3}}", "site.yaml sets 'pretrain', but may set only data, resources, slurm"),
        ("slurm: {sbatch: {nodes: 3}}", "slurm.sbatch: sbatch option 'nodes' is set from the resources"),
        ("slurm: {partition: gpu}", "unknown key 'slurm.partition'"),
        ("resources: {pretrain: {tasks: 4, nodes: 3}}", "4 tasks cannot be spread evenly over 3 nodes"),
        ("resources: {pretrain: {tasks: 5}}", "batch_size 64 is not divisible by 5 pretraining tasks"),
        ("slurm: [", "site.yaml is not valid YAML"),
    ],
)
def test_mistakes_in_a_site_file(tmp_path, text, sentence):
    site = tmp_path / "site.yaml"
    site.write_text(text)
    with pytest.raises(InputError) as error:
        load_profile("mini", site=site)
    assert sentence in error.value.sentence


def test_a_missing_site_file(tmp_path):
    with pytest.raises(InputError, match=r"There is no site file .*nowhere\.yaml"):
        load_profile("mini", site=tmp_path / "nowhere.yaml")


def test_another_batch_scales_the_learning_rate_on_purpose():
    overrides = ["evaluate.detection.batch_size=8", "evaluate.detection.scale_learning_rate=true"]
    detection = load_profile("paper", overrides).evaluate.detection
    assert detection is not None and detection.scaled_learning_rate == pytest.approx(0.01)
    assert load_profile("paper").evaluate.detection.scaled_learning_rate == pytest.approx(0.02)
