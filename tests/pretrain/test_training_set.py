"""Pretraining and cleaning on a part of the training set: what they read, list and record."""

import shutil

import numpy as np
import pytest

from core.errors import InputError
from core.files import sha256_of
from core.workspace import Workspace
from data.lists import read_list
from data.sets.webvision.reader import read_train
from pretrain import pretraining
from pretrain.config import TrainingSetConfig
from pretrain.training_set import training_images
from profiles.expand import jobs_of
from profiles.load import load_profile
from tests.pretrain.test_pretraining import CONFIG

PART = {"webvision": "webvision", "classes": 10}


def test_all_images_without_a_choice(miniature, tmp_path):
    workspace = Workspace(tmp_path, {"data": miniature})
    images = training_images(TrainingSetConfig.model_validate(PART), workspace)
    assert workspace.provenance == {"webvision": read_train(miniature / "webvision", 10).fingerprint()}
    assert len(images) == 200


def test_a_run_on_a_draw_lists_it(miniature, tmp_path):
    whole = read_train(miniature / "webvision", 10)
    excluded = tmp_path / "broken.txt"
    excluded.write_bytes(b"".join(path + b"\n" for path in whole.paths[[1, 7]]))
    workspace = Workspace(tmp_path / "job", {"data": miniature})
    (tmp_path / "job").mkdir()
    chosen = {"subset": {"seed": 2, "images": 100}, "exclusions": str(excluded)}
    pretraining.run(CONFIG.model_dump(mode="json") | chosen, workspace)
    paths, labels = read_list(workspace.folder / pretraining.IMAGES_FILE, 10)
    assert 98 <= len(paths) <= 100 and not set(paths) & set(whole.paths[[1, 7]])
    label_of = dict(zip(whole.paths, whole.labels.tolist(), strict=True))
    assert labels.tolist() == [label_of[path] for path in paths]
    provenance = workspace.provenance
    assert provenance["subset_sha256"] == sha256_of(workspace.folder / pretraining.IMAGES_FILE)
    assert provenance["exclusions"] == {"sha256": sha256_of(excluded), "images": 100 - len(paths)}
    assert provenance["webvision"]["images"] == len(paths)


def test_a_list_that_was_changed_after_the_plan_is_refused(miniature, tmp_path):
    images, listed = read_train(miniature / "webvision", 10), tmp_path / "broken.txt"
    listed.write_bytes(images.paths[3] + b"\n")
    config = TrainingSetConfig.model_validate(
        {**PART, "exclusions": str(listed), "exclusions_sha256": sha256_of(listed)}
    )
    workspace = Workspace(tmp_path, {"data": miniature})
    assert len(training_images(config, workspace)) == 199 and workspace.provenance["exclusions"]["images"] == 1
    listed.write_bytes(images.paths[4] + b"\n")
    with pytest.raises(InputError, match=r"The list .*broken\.txt was changed after the job was planned"):
        training_images(config, workspace)


def test_a_list_of_all_images_is_refused(miniature, tmp_path):
    images, listed = read_train(miniature / "webvision", 10), tmp_path / "broken.txt"
    listed.write_bytes(b"".join(path + b"\n" for path in images.paths))
    config = TrainingSetConfig.model_validate({**PART, "exclusions": str(listed)})
    with pytest.raises(InputError, match="leaves out every image"):
        training_images(config, Workspace(tmp_path, {"data": miniature}))


def test_a_broken_image_stops_the_run_with_the_remedy(miniature, tmp_path):
    world = shutil.copytree(miniature, tmp_path / "world")
    images = read_train(world / "webvision", 10)
    (images.root / images.paths[7].decode()).write_text("<html>404</html>")
    with pytest.raises(InputError, match=r"cannot be decoded .*or leave it out: data\.webvision\.<set>\.exclusions"):
        [images.decode(row) for row in np.arange(10)]


def test_jobs_are_told_of_the_part_only_where_there_is_one():
    override = "data.webvision.webvision.subset={seed: 0, images: 500}"
    jobs = {job.name: job for job in jobs_of(load_profile("mini", [override]))}
    plain = {job.name: job for job in jobs_of(load_profile("mini"))}
    for kind in ("pretrain", "cleaning"):
        name = f"{kind}/mopro/webvision/seed100"
        assert jobs[name].config["subset"] == {"seed": 0, "images": 500}
        assert not plain[name].config.keys() & {"subset", "exclusions"}
