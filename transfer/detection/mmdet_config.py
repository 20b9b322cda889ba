"""Mask R-CNN's configuration: the one that mmdet ships, changed where the recipe differs."""

from pathlib import Path
from typing import Any

import mmdet
from mmengine import Config, ConfigDict

from data.sets.coco.reader import COCOSplit
from pretrain.config import BackboneConfig
from transfer.detection.config import DetectionConfig, DetectionHeads

SHIPPED = Path(mmdet.__file__).parent / ".mim/configs/mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py"


def model_config(config: DetectionConfig, backbone: BackboneConfig, norm: str) -> ConfigDict:
    """The detector of a backbone; ``norm`` is the layer that normalises in the pyramid, and in the backbone."""
    model = Config.fromfile(SHIPPED).model
    expansion = 4 if backbone.depth == 50 else 1
    widths = [backbone.width * expansion * 2**stage for stage in range(4)]
    model.backbone = {"type": "PretrainedTrunk", "config": backbone.model_dump(), "norm": norm}
    # Strides stay those of the published network, 4 to 64: with the small stem, its first stage is a stride too fine.
    model.neck.in_channels = widths[1:] if backbone.stem == "small" else widths
    model.neck.norm_cfg = {"type": norm, "requires_grad": True}
    model.data_preprocessor.bgr_to_rgb = False  # images are read as RGB
    for head in ("bbox_head", "mask_head"):
        model.roi_head[head].num_classes = config.classes
    if config.heads is not None:
        _shrink(model, config.heads)
    return model


def _shrink(model: ConfigDict, heads: DetectionHeads) -> None:
    roi = model.roi_head
    model.neck.out_channels = heads.channels
    model.rpn_head.update(in_channels=heads.channels, feat_channels=heads.channels)
    for extractor in ("bbox_roi_extractor", "mask_roi_extractor"):
        roi[extractor].out_channels = heads.channels
    roi.bbox_head.update(in_channels=heads.channels, fc_out_channels=heads.features)
    roi.mask_head.update(
        in_channels=heads.channels, conv_out_channels=heads.channels, num_convs=heads.mask_convolutions
    )
    for proposals in (model.train_cfg.rpn_proposal, model.test_cfg.rpn):
        proposals.update(nms_pre=2 * heads.proposals, max_per_img=heads.proposals)
    model.train_cfg.rpn.sampler.num = heads.proposals
    model.train_cfg.rcnn.sampler.num = heads.proposals


def dataset_config(split: COCOSplit, config: DetectionConfig, *, training: bool) -> dict[str, Any]:
    """The data set as mmdet reads it, with the views of training or of test."""
    sides = config.short_sides if training else (config.short_side,)
    resize = {
        "type": "RandomChoiceResize",
        "scales": [(config.long_side, side) for side in sides],
        "resize_type": "Resize",
        "keep_ratio": True,
    }
    of_test = ("img_id", "ori_shape", "img_shape", "scale_factor")
    read = {"type": "ReadWholeImage", "source": str(split.annotations)}
    of_training = [
        {"type": "LoadAnnotations", "with_bbox": True, "with_mask": True},
        resize,
        {"type": "RandomFlip", "prob": 0.5},
        {"type": "PackDetInputs"},
    ]
    return {
        "type": "CocoDataset",
        "ann_file": str(split.annotations),
        "data_prefix": {"img": f"{split.folder}/"},
        "metainfo": {"classes": split.categories},
        "filter_cfg": {"filter_empty_gt": True, "min_size": 32},
        "test_mode": not training,
        "pipeline": [read, *(of_training if training else [resize, {"type": "PackDetInputs", "meta_keys": of_test}])],
    }


def optimiser_config(config: DetectionConfig) -> dict[str, Any]:
    """SGD on all layers."""
    sgd = {
        "type": "SGD",
        "lr": config.scaled_learning_rate,
        "momentum": config.momentum,
        "weight_decay": config.weight_decay,
    }
    clip = None if config.gradient_norm is None else {"max_norm": config.gradient_norm}
    return {"type": "OptimWrapper", "optimizer": sgd, "clip_grad": clip}


def learning_rate_config(config: DetectionConfig) -> list[dict[str, Any]]:
    """The warm-up, and the steps."""
    steps = {"type": "MultiStepLR", "milestones": list(config.schedule.decay_at), "gamma": 0.1, "by_epoch": False}
    if not config.warmup:
        return [steps]
    return [{"type": "LinearLR", "start_factor": 0.001, "by_epoch": False, "begin": 0, "end": config.warmup}, steps]
