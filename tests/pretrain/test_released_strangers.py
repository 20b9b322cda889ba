"""Released files as strangers write them: other prefixes, objects beside the tensors, damage that torch overlooks."""

import argparse
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.errors import InputError
from core.workspace import MODEL_FILE
from pretrain import extract_tensors, released
from pretrain.architectures import trunk_in
from pretrain.architectures import trunk_of as trunk_of_backbone
from pretrain.layouts import LAYOUTS, misfits_of, recognise, tensors_of
from pretrain.tensor_files import load_tensors
from tests.support.released_files import FILES, REQUIRED, RESNET50, Tensors, config, trunk_of, workspace

OF_TRAININGS = ("pytorch-example", "torchvision-training")  # torchvision's names, beside the state of the training
TRUNK = trunk_of_backbone(RESNET50)


@pytest.fixture(scope="module")
def light(whole) -> Tensors:
    """ResNet-50's names and shapes, but each tensor repeats one number, which is all that a file of it holds."""
    return {
        name: torch.full((), place, dtype=tensor.dtype).expand(tensor.shape)
        for place, (name, tensor) in enumerate(whole.items())
    }


def renamed(content: Any, layout: str, prefix: str) -> Any:
    """The content with another number of DistributedDataParallel's prefixes before every tensor's name."""
    (found,) = (one for one in LAYOUTS if one.name == layout)
    if not found.container:
        return {prefix + name.removeprefix("module."): tensor for name, tensor in content.items()}

    def inside(value: Any, keys: tuple[str, ...]) -> Any:
        if not keys:
            return {prefix + name.removeprefix("module."): tensor for name, tensor in value.items()}
        return value | {keys[0]: inside(value[keys[0]], keys[1:])}

    return inside(content, found.container)


@pytest.mark.parametrize("prefix", ["", "module.", "module.module.", "module.module.module."])
@pytest.mark.parametrize("name", FILES)
def test_a_layout_is_recognised_under_any_number_of_prefixes(name, prefix, light):
    layout, content = FILES[name][0], FILES[name][1](light)
    changed = renamed(content, layout, prefix)
    if layout == "simclr" and prefix:  # nothing but its exact names tells it from others
        with pytest.raises(InputError, match="does not match the layout"):
            recognise(changed, trunk_in, Path("file.pth"), None)
        return
    found, _ = recognise(changed, trunk_in, Path("file.pth"), REQUIRED.get(name))
    assert found.name == layout
    ours, expected = tensors_of(found, changed, TRUNK), tensors_of(found, content, TRUNK)
    assert ours.keys() == expected.keys() and all(ours[key] is expected[key] for key in ours)


def test_a_prefix_that_some_names_lack_is_none(light):
    (torchvision,) = (one for one in LAYOUTS if one.name == "torchvision")
    content = {("module." if name.startswith("layer1.") else "") + name: tensor for name, tensor in light.items()}
    assert misfits_of(torchvision, content, TRUNK)
    assert misfits_of(torchvision, {}, TRUNK)


class Meters:
    """A class of the training's own."""

    def __init__(self) -> None:
        self.top1 = 71.1


def refusal(path: Path, folder: Path, **changes: Any) -> str:
    with pytest.raises(InputError) as error:
        released.run(config(path, **changes), workspace(folder / "job"))
    assert "\n" not in error.value.sentence and not (folder / "job" / MODEL_FILE).exists()
    return error.value.sentence


@pytest.mark.parametrize("name", ["MoCo v2", "VISSL"])
def test_a_strangers_objects_are_taken_out_as_the_sentence_advises(name, light, tmp_path, capsys):
    content = FILES[name][1](light)
    content |= {"args": argparse.Namespace(lr=0.03)}
    if name == "VISSL":
        content["classy_state_dict"]["base_model"]["model"]["meters"] = Meters()
    path = tmp_path / "a stranger's.pth"
    torch.save(content, path)
    sentence = refusal(path, tmp_path)
    assert "is refused, and none of its code was run" in sentence and "asks for" in sentence
    command = shlex.split(re.search("`(.*)`", sentence)[1])
    assert command[:3] == ["python", "-m", extract_tensors.__name__] and command[4:] == ["NEW_FILE"]
    assert extract_tensors.main([command[3], str(tmp_path / "new.pth")]) == 0
    assert "left out: args (argparse.Namespace)" in capsys.readouterr().out
    place = workspace(tmp_path / "job")
    released.run(config(tmp_path / "new.pth"), place)
    assert place.provenance["layout"]["name"] == FILES[name][0]
    found = load_tensors(place.folder / MODEL_FILE)
    assert all(torch.equal(found[key], tensor) for key, tensor in trunk_of(light).items() if "num_b" not in key)


@pytest.mark.parametrize(
    ("key", "change", "said"),
    [
        (
            "module.layer1.0.conv1.weight",
            lambda tensor: tensor * float("nan"),
            r"layer1\.0\.conv1\.weight holds a number that is",
        ),
        (
            "module.layer4.0.bn2.running_var",
            lambda tensor: -1 - tensor,
            r"layer4\.0\.bn2\.running_var holds a negative",
        ),
        (
            "module.conv1.weight",
            lambda tensor: tensor.to(torch.int8),
            r"conv1\.weight as torch\.int8, expected floating",
        ),
        (
            "module.conv1.weight",
            lambda tensor: tensor.double() + 1e60,
            r"conv1\.weight holds a number that is not finite",
        ),
        (
            "module.bn1.num_batches_tracked",
            lambda tensor: tensor.float(),
            r"bn1\.num_batches_tracked as torch\.float32",
        ),
    ],
)
def test_numbers_that_cannot_be_weights_are_refused(key, change, said, light, tmp_path):
    content = FILES["SwAV"][1](light)
    content[key] = change(content[key])
    torch.save(content, tmp_path / "file.pth")
    assert re.search(said, refusal(tmp_path / "file.pth", tmp_path))


def test_numbers_that_are_not_used_may_be_anything(light, tmp_path):
    content = FILES["SwAV"][1](light)
    content["module.prototypes.weight"].fill_(float("nan"))
    torch.save(content, tmp_path / "file.pth")
    released.run(config(tmp_path / "file.pth"), workspace(tmp_path / "job"))


def test_a_byte_that_changed_on_the_way_is_noticed(light, tmp_path):
    torch.save(FILES["SwAV"][1](light), tmp_path / "file.pth.tar")
    content = bytearray((tmp_path / "file.pth.tar").read_bytes())
    content[content.index(torch.tensor(64.0).numpy().tobytes()) + 2] ^= 1  # of a weight
    (tmp_path / "file.pth.tar").write_bytes(content)
    assert re.search(
        r"is damaged or was cut short \(the sum of .*/data/\d+ is wrong\): down",
        refusal(tmp_path / "file.pth.tar", tmp_path),
    )


@pytest.mark.parametrize("name", FILES)
def test_a_format_without_nesting_holds_the_tensors_alone(name, light):
    """As safetensors does; the layout that only a key beside the tensors tells is no longer to be told."""
    layout, content = FILES[name][0], FILES[name][1](light)
    (found,) = (one for one in LAYOUTS if one.name == layout)
    for key in found.container:
        content = content[key]
    taken, _ = recognise(content, trunk_in, Path("file.safetensors"), REQUIRED.get(name))
    assert taken.name == ("torchvision" if layout in ("simclr", "mmselfsup", *OF_TRAININGS) else layout)
    assert tensors_of(taken, content, TRUNK)["conv1.weight"].shape == TRUNK.shapes["conv1.weight"]


def test_safetensors_without_sums_are_read_and_that_is_said(whole, tmp_path, capsys):
    save_file(dict(whole), tmp_path / "model.safetensors")
    place = workspace(tmp_path / "job")
    released.run(config(tmp_path / "model.safetensors"), place)
    assert place.provenance["layout"]["name"] == "torchvision"
    assert place.provenance["file"]["has_sums"] is False
    assert "model.safetensors has no sums inside; the method's key sha256 would" in capsys.readouterr().out
