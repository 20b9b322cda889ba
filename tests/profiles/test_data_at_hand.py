"""Data sets that are found below one folder: by name, by folder structure, told apart, or not found."""

from pathlib import Path

import pytest

import run_all
from core.errors import InputError
from data.sets.imagenet import synsets
from profiles.data_at_hand import AtHand, profile_at_hand
from profiles.load import load_profile


def webvision(folder: Path, classes: int) -> None:
    (folder / "info").mkdir(parents=True)
    (folder / "info/train_filelist_google.txt").write_text("google/q1/a.jpg 0\n")
    (folder / "info/val_filelist.txt").write_text("".join(f"val{label}.jpg {label}\n" for label in range(classes)))


def classes(folder: Path, names) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)


def touched(folder: Path, *files: str) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


def write_all(root: Path, **names: str) -> dict[str, Path]:
    """Every data set of the paper's in a folder of a name of its own; nothing but what tells them."""
    keys = ("v1", "v2", "imagenet", "voc", "places", "imagenet_r", "imagenet_a", "coco")
    at = {key: root / names.get(key, key) for key in keys}
    webvision(at["v1"], 1000)
    webvision(at["v2"], 5000)
    classes(at["imagenet"] / "train", synsets.imagenet())
    classes(at["imagenet"] / "val", synsets.imagenet())
    classes(at["voc"], ["VOC2007/ImageSets/Main"])
    touched(at["places"], "trainvalsplit_places205/train_places205.csv")
    classes(at["imagenet_r"], synsets.variant("imagenet-r"))
    classes(at["imagenet_a"], synsets.variant("imagenet-a"))
    touched(at["coco"], "annotations/instances_train2017.json")
    return at


@pytest.fixture(scope="module")
def datasets(tmp_path_factory) -> tuple[Path, dict[str, Path]]:
    root = tmp_path_factory.mktemp("data")
    return root, write_all(root, v1="web/one", v2="web/two", voc="VOCdevkit", coco="mscoco/2017")


def found(root: Path, *overrides: str) -> dict[str, Path | None]:
    _, at_hand = profile_at_hand("paper", [f"data.root={root}", *overrides])
    return {it.key: it.folder for it in at_hand}


def test_every_data_set_of_the_paper_is_found_and_told_from_its_like(datasets):
    root, at = datasets
    assert found(root) == {
        "data.webvision.webvision-v05.folder": at["v1"],
        "data.webvision.webvision-v1.folder": at["v1"],
        "data.webvision.webvision-v2.folder": at["v2"],
        "data.imagenet": at["imagenet"],
        "data.voc07": at["voc"],
        "data.places205.folder": at["places"],
        "data.imagenet_r.folder": at["imagenet_r"],
        "data.imagenet_a.folder": at["imagenet_a"],
        "data.coco.folder": at["coco"],
    }


def test_jobs_read_what_was_found_and_the_plan_says_it(datasets, tmp_path, monkeypatch, capsys):
    root, at = datasets
    monkeypatch.chdir(tmp_path)
    profile, _ = profile_at_hand("paper", [f"data.root={root}"])
    assert profile.data.webvision["webvision-v2"].folder == str(at["v2"])
    assert profile.data.imagenet == str(at["imagenet"])
    assert run_all.main(["--profile", "paper", "--set", f"data.root={root}", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert f"data.coco.folder: {at['coco']}\n" in printed and "not found" not in printed


def test_a_folder_of_its_name_is_taken_though_there_is_another_one(datasets, tmp_path):
    write_all(tmp_path, coco="a-copy")
    touched(tmp_path / "coco", "annotations/instances_val2017.json")
    assert found(tmp_path)["data.coco.folder"] == tmp_path / "coco"


def test_two_candidates_are_both_named(tmp_path):
    for name in ("one", "two"):
        touched(tmp_path / name, "annotations/instances_train2017.json")
    with pytest.raises(InputError) as refused:
        found(tmp_path)
    one, two = tmp_path / "one", tmp_path / "two"
    for part in (f"COCO is in {one} and in {two}", f"name it, with --set data.coco.folder={one}"):
        assert part in str(refused.value)
    assert found(tmp_path, f"data.coco.folder={tmp_path / 'two'}").get("data.coco.folder") is None  # not looked for


def test_a_link_to_a_data_set_is_no_second_candidate(tmp_path):
    touched(tmp_path / "one", "annotations/instances_train2017.json")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert found(tmp_path)["data.coco.folder"] == tmp_path / "one"


def test_what_is_nowhere_keeps_its_name_and_is_said_to_be_nowhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert set(found(tmp_path / "none").values()) == {None}
    profile, _ = profile_at_hand("paper", [f"data.root={tmp_path / 'none'}"])
    assert profile.data.imagenet == str(tmp_path / "none/imagenet")
    assert run_all.main(["--profile", "paper", "--set", f"data.root={tmp_path / 'none'}", "--dry-run"]) == 0
    assert "data.coco.folder: not found below data.root" in capsys.readouterr().out


def test_a_folder_that_is_named_absolutely_is_taken_as_it_is(datasets):
    root, _ = datasets
    profile, at_hand = profile_at_hand("paper", [f"data.root={root}", "data.imagenet=/elsewhere"])
    assert profile.data.imagenet == "/elsewhere" and "data.imagenet" not in {it.key for it in at_hand}


def test_the_variable_takes_the_place_of_the_profiles_own_root_alone(datasets, tmp_path, monkeypatch):
    root, at = datasets
    monkeypatch.setenv("MOPRO_DATA", str(root))
    assert AtHand("data.imagenet", at["imagenet"]) in profile_at_hand("paper")[1]
    assert set(found(tmp_path).values()) == {None}
    (tmp_path / "site.yaml").write_text(f"data: {{root: {tmp_path}}}")
    assert {it.folder for it in profile_at_hand("paper", site=tmp_path / "site.yaml")[1]} == {None}
    assert profile_at_hand("mini")[1] == [] and load_profile("mini").data.imagenet == "imagenet"


def test_a_site_may_say_it_beside_a_miniature_and_a_user_may_not(tmp_path):
    (tmp_path / "site.yaml").write_text(f"data: {{root: {tmp_path}}}")
    assert load_profile("mini", site=tmp_path / "site.yaml") == load_profile("mini")
    with pytest.raises(InputError, match=r"data.root is '/x', but the profile makes its data .* leave data.root out"):
        load_profile("mini", ["data.root=/x"])


@pytest.mark.parametrize("root", ["7", "[a]", "' '", '"a\\nb"'])
def test_a_root_that_is_no_folder(root):
    with pytest.raises(InputError, match=r"data.root is .*, expected the folder that holds the data sets"):
        load_profile("paper", [f"data.root={root}"])


def test_without_a_root_a_relative_folder_is_below_where_the_command_runs():
    assert load_profile("paper", ["data.root=null"]).data.imagenet == "imagenet"


def test_a_relative_root_is_below_where_the_command_runs(datasets, monkeypatch):
    root, at = datasets
    monkeypatch.chdir(root.parent)
    assert found(Path(root.name))["data.imagenet"] == at["imagenet"]


@pytest.mark.parametrize("key", ["v1", "v2", "imagenet", "imagenet_r", "imagenet_a"])
def test_what_is_not_whole_is_not_found(key, tmp_path):
    """One class less: another data set, or a part of one."""
    at = write_all(tmp_path)
    if key.startswith("v"):
        lines = (at[key] / "info/val_filelist.txt").read_text().splitlines()
        (at[key] / "info/val_filelist.txt").write_text("\n".join(lines[:-1]) + "\n")
    else:
        folder = at[key] / "val" if key == "imagenet" else at[key]
        next(folder.iterdir()).rmdir()
    names = {"v1": "webvision.webvision-v1.folder", "v2": "webvision.webvision-v2.folder", "imagenet": "imagenet"}
    expected = at[key] if key == "imagenet" else None  # of its own name: its reader says what is missing
    assert found(tmp_path)[f"data.{names.get(key, f'{key}.folder')}"] == expected
