"""The layouts of released ResNet checkpoints, as data, and how one is recognised by its keys.

The names were read in the code that wrote or converted the files; ``source`` says where. Nothing here knows torch: a
file's content is what can be read without executing pickled code, and a tensor is whatever has a shape.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from core.errors import InputError
from pretrain.conventions import OURS, SAME_PADDING, ZERO_TO_ONE, Convention

if TYPE_CHECKING:
    from pretrain.config import BackboneConfig

FEATURES: Literal["features"] = "features"  # stands for the size of the trunk's features
WRAPPER = "module."  # what DistributedDataParallel puts before every name, once for each time that it is applied
CONVENTION = "convention."  # what names begin with that say how a trunk takes images
COUNTERS = ".num_batches_tracked"  # of BatchNorm; older releases lack them, and evaluation doesn't use them

Shape = tuple[int, ...]
Pattern = tuple[int | Literal["features"] | None, ...]  # None stands for any size


class Trunk(NamedTuple):
    """A ResNet without its classifier.

    Attributes:
        backbone: which one.
        shapes: of its tensors, by torchvision's names.
        features: the size of its features.
    """

    backbone: "BackboneConfig"
    shapes: Mapping[str, Shape]
    features: int


@dataclass(frozen=True)
class Layout:
    """How one project's files name a ResNet.

    Attributes:
        name: for profiles and records.
        releases: whose files have it.
        source: where the names were read.
        container: keys that lead to the tensors, from the outermost.
        prefix: before torchvision's name of every tensor of the trunk.
        beside: further tensors that must be there, with their shapes.
        optional: further tensors that may be there, with their shapes.
        ignored: beginnings of names that may be there and are not used.
        classifier: the classifier's name without ``.weight``; None where there is none, or none that can be used.
        has_counters: whether ``num_batches_tracked`` may be there.
        needs: keys that must lie beside the outermost container.
        stands_alone: whether nothing may lie beside the outermost container.
        convention: how the trunk takes images.
    """

    name: str
    releases: str
    source: str
    container: tuple[str, ...] = ()
    prefix: str = ""
    beside: Mapping[str, Pattern] = field(default_factory=dict)
    optional: Mapping[str, Pattern] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    classifier: str | None = None
    has_counters: bool = True
    needs: tuple[str, ...] = ()
    stands_alone: bool = False
    convention: Convention = OURS


def linear(
    name: str, rows: int | Literal["features"] | None, columns: int | Literal["features"] = FEATURES
) -> dict[str, Pattern]:
    """The names and shapes of a linear layer."""
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


_QUEUE = ("module.encoder_k.", "module.queue", "module.queue_ptr")

LAYOUTS = (
    Layout(
        name="mopro",
        releases="MoPro (WebVision V1.0: 1000 classes, V2.0: 5000)",
        source="github.com/salesforce/MoPro, model.py, resnet.py, train.py",
        container=("state_dict",),
        prefix="module.encoder_q.",
        beside=linear("module.encoder_q.classifier", None)
        | linear("module.encoder_q.fc1", FEATURES)
        | linear("module.encoder_q.fc2", 128),
        ignored=(*_QUEUE, "module.prototypes"),
        classifier="module.encoder_q.classifier",
    ),
    Layout(
        name="moco-v2",
        releases="MoCo v2, PCL v2",
        source="github.com/facebookresearch/moco, moco/builder.py; github.com/salesforce/PCL, pcl/builder.py",
        container=("state_dict",),
        prefix="module.encoder_q.",
        beside=linear("module.encoder_q.fc.0", FEATURES) | linear("module.encoder_q.fc.2", 128),
        ignored=_QUEUE,
    ),
    Layout(
        name="moco-v1",
        releases="MoCo v1, PCL v1",
        source="github.com/facebookresearch/moco, moco/builder.py; github.com/salesforce/PCL, pcl/builder.py",
        container=("state_dict",),
        prefix="module.encoder_q.",
        beside=linear("module.encoder_q.fc", 128),
        ignored=_QUEUE,
    ),
    Layout(
        name="swav",
        releases="SwAV",
        source="github.com/facebookresearch/swav, hubconf.py, src/resnet50.py, scripts/swav_800ep_pretrain.sh",
        prefix="module.",
        beside=linear("module.projection_head.0", 2048)
        | linear("module.projection_head.3", 128, 2048)
        | {"module.prototypes.weight": (None, 128)},
        ignored=("module.projection_head.1.",),
    ),
    # The converter's "fc" is of no use: it writes the bias to the wrong place, so the file's bias is random.
    Layout(
        name="simclr",
        releases="SimCLR v1 by simclr-converter",
        source="github.com/tonylins/simclr-converter, convert.py, eval.py",
        container=("state_dict",),
        beside=linear("fc", 1000),
        stands_alone=True,
        convention=ZERO_TO_ONE,
    ),
    Layout(
        name="byol",
        releases="BYOL by byol-convert",
        source="github.com/ajtejankar/byol-convert, convert.py, resnet.py, validate.py",
        beside=linear("fc", 1000),
        classifier="fc",
        has_counters=False,
        convention=SAME_PADDING,
    ),
    Layout(
        name="torchvision",
        releases="torchvision, and others by its names",
        source="github.com/pytorch/vision, torchvision/models/resnet.py",
        optional=linear("fc", None),
        classifier="fc",
    ),
    Layout(
        name="pytorch-example",
        releases="what PyTorch's ImageNet example writes",
        source="github.com/pytorch/examples, imagenet/main.py",
        container=("state_dict",),
        beside=linear("fc", None),
        classifier="fc",
        needs=("epoch", "arch"),
    ),
    Layout(
        name="torchvision-training",
        releases="what torchvision's training script writes",
        source="github.com/pytorch/vision, references/classification/train.py",
        container=("model",),
        beside=linear("fc", None),
        classifier="fc",
        needs=("epoch", "lr_scheduler"),
    ),
    Layout(
        name="vissl",
        releases="VISSL's model zoo (SimCLR and others)",
        source="github.com/facebookresearch/vissl, extra_scripts/convert_vissl_to_torchvision.py, "
        "vissl/models/trunks/resnext.py",
        container=("classy_state_dict", "base_model", "model", "trunk"),
        prefix="_feature_blocks.",
    ),
    Layout(
        name="mmselfsup",
        releases="MMSelfSup's model zoo, backbones alone (BYOL, SimCLR and others)",
        source="github.com/open-mmlab/mmselfsup, tools/model_converters/extract_backbone_weights.py",
        container=("state_dict",),
        needs=("author",),
    ),
    Layout(
        name="ours",
        releases="this suite's model.pt",
        source="pretrain/checkpoints.py",
        beside={f"architecture.{part}": () for part in ("depth", "width", "small_stem")},
        optional=linear("fc", None)
        | linear("projection.0", FEATURES)
        | linear("projection.2", None)
        | {"prototypes": (None, None)}
        | {"convention.mean": (3,), "convention.deviation": (3,), "convention.is_bgr": (), "convention.pads_same": ()},
        classifier="fc",
    ),
)
OTHERS = "a function of yours can build any other network (--model ./mine.py:build, or objective: built)"
NAMES = tuple(layout.name for layout in LAYOUTS)


def recognise(
    content: Any, trunk_in: Callable[[Mapping[str, Shape]], Trunk], path: Path, required: str | None
) -> tuple[Layout, Trunk]:
    """The layout that a file's content has, and its trunk.

    Args:
        content: of the file.
        trunk_in: from the shapes of tensors by torchvision's names to the trunk that they must be.
        path: of the file, for errors.
        required: the name of the only layout to be considered; None for all.

    Raises:
        InputError: none fits, or several do.
    """
    candidates = [layout for layout in LAYOUTS if required in (None, layout.name)]
    trunks = {layout.name: trunk_in(_by_torchvisions_names(layout, content)) for layout in candidates}
    misfits = {layout.name: misfits_of(layout, content, trunks[layout.name]) for layout in candidates}
    fitting = [layout for layout in candidates if not misfits[layout.name]]
    if len(fitting) == 1:
        return fitting[0], trunks[fitting[0].name]
    if fitting:
        names = " and ".join(layout.name for layout in fitting)
        raise InputError(
            f"The file {path} fits the layouts {names}: say which it is, with the method's key layout or --layout."
        )
    nearest = min(candidates, key=lambda layout: len(misfits[layout.name]))
    known = "" if required else f"; known are {', '.join(NAMES)}; {OTHERS}"
    raise InputError(
        f"The file {path} does not match the layout {nearest.name} ({nearest.releases}), "
        f"{'which its method requires' if required else 'the nearest one'}: {misfits[nearest.name][0]}{known}."
    )


def misfits_of(layout: Layout, content: Any, trunk: Trunk) -> list[str]:
    """What keeps a content from having the layout, each as a phrase; nothing if it has it."""
    tensors = _inner(layout, content)
    if tensors is None:
        return [f"it has no {'.'.join(layout.container) or 'tensors by name'}"] * (1 + len(trunk.shapes))
    around = [key for key in layout.needs if key not in content]
    strangers = [key for key in content if key != layout.container[0]] if layout.stands_alone else []
    required: dict[str, Pattern] = {layout.prefix + name: shape for name, shape in trunk.shapes.items()}
    if not layout.has_counters:
        required = {name: shape for name, shape in required.items() if not name.endswith(COUNTERS)}
    required |= layout.beside
    expected = {name: _sized(it, trunk.features) for name, it in {**required, **layout.optional}.items()}
    missing = [name for name in required if name not in tensors and not name.endswith(COUNTERS)]
    strange = [name for name in tensors if name not in expected and not str(name).startswith(layout.ignored or ("\0",))]
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items() if name in expected and _is_tensor(tensor)}
    of_classifier = [f"{layout.classifier}.{part}" for part in ("weight", "bias")]
    if 0 < sum(name in tensors for name in of_classifier) < len(of_classifier):
        missing += [name for name in of_classifier if name not in tensors and name not in missing]
    return [
        *(f"{key} is missing" for key in (*around, *missing)),
        *(f"{key} lies beside {layout.container[0]}" for key in strangers),
        *(f"{name} is unexpected" for name in strange),
        *(f"{name} is no tensor" for name in expected if name in tensors and not _is_tensor(tensors[name])),
        *(
            f"{name} has shape {shape}, expected {_described(expected[name])}"
            for name, shape in shapes.items()
            if not _fits(shape, expected[name])
        ),
    ]


def tensors_of(layout: Layout, content: Any, trunk: Trunk) -> dict[str, Any]:
    """The trunk's tensors by torchvision's names, without missing counters, and the classifier's as ``fc``."""
    tensors = _inner(layout, content) or {}
    names = {name: layout.prefix + name for name in trunk.shapes}
    if layout.classifier:
        names |= {f"fc.{part}": f"{layout.classifier}.{part}" for part in ("weight", "bias")}
    return {name: tensors[original] for name, original in names.items() if original in tensors}


def convention_tensors_of(layout: Layout, content: Any) -> dict[str, Any]:
    """What the file itself says about how its trunk takes images; empty where it says nothing."""
    names = [name for name in layout.optional if name.startswith(CONVENTION)]
    tensors = _inner(layout, content) or {}
    return {name: tensors[name] for name in names if name in tensors}


def _by_torchvisions_names(layout: Layout, content: Any) -> dict[str, Shape]:
    """The shapes of all tensors that have the layout's prefix, without it."""
    tensors = _inner(layout, content) or {}
    return {
        str(name).removeprefix(layout.prefix): tuple(tensor.shape)
        for name, tensor in tensors.items()
        if str(name).startswith(layout.prefix) and _is_tensor(tensor)
    }


def _inner(layout: Layout, content: Any) -> Mapping[str, Any] | None:
    """The tensors by name, under the layout's own number of DistributedDataParallel's prefixes, whatever the file's."""
    if not _is_flat(layout, content):
        for key in layout.container:
            content = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or layout.stands_alone:  # what tells such a layout is that nothing differs
        return content if isinstance(content, Mapping) else None
    bare = dict(content)
    while bare and all(str(name).startswith(WRAPPER) for name in bare):
        bare = {str(name).removeprefix(WRAPPER): tensor for name, tensor in bare.items()}
    own = WRAPPER if layout.prefix.startswith(WRAPPER) else ""
    return {f"{own}{name}": tensor for name, tensor in bare.items()}


def _is_flat(layout: Layout, content: Any) -> bool:
    """Whether the tensors lie where the layout has its container, as in a format that has no nesting."""
    if layout.stands_alone or layout.needs or not isinstance(content, Mapping):
        return False
    return bool(content) and all(map(_is_tensor, content.values()))


def _sized(pattern: Pattern, features: int) -> tuple[int | None, ...]:
    return tuple(features if size == FEATURES else size for size in pattern)


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape")


def _fits(shape: Shape, pattern: tuple[int | None, ...]) -> bool:
    return len(shape) == len(pattern) and all(size in (None, found) for size, found in zip(pattern, shape, strict=True))


def _described(pattern: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in pattern)}{',' if len(pattern) == 1 else ''})"
