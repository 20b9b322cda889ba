"""A full linear probe: multinomial logistic regression on frozen features of ImageNet's whole training set.

The protocol of Kornblith, Shlens and Le (2019): L-BFGS on features of the centre crop. In a profile:

    evaluate:
      linear-probe: {spec: ./linear_probe.py:SPEC, view: {resize: 256, crop: 224}, cost: 1, iterations: 1000}
"""

from core.config import Classes, Config, OnDisk, Positive, PositiveNumber, values
from core.declarations import Column, Evaluation, Source, Stage, Table
from data.config import EvaluationView
from pretrain.config import EvaluationConfig


class Section(Config):
    """View of the images; inverse strength of the L2 penalty, and L-BFGS's iterations at most."""

    view: EvaluationView
    cost: PositiveNumber
    iterations: Positive


class ProbeConfig(Section, EvaluationConfig):
    """The same, and what every evaluation is told; ``imagenet`` is the folder, of as many ``classes``."""

    imagenet: OnDisk
    classes: Classes


def run(config, workspace):
    """Accuracy on val in percent, of a classifier of the features of train."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression  # here, so that a plan waits for none of it

    from core.distributed import process_group
    from data.sets.imagenet.reader import read_split
    from metrics import top_k
    from metrics.measures import keep_and_measure
    from pretrain.evaluation import names_of, pretrained_trunk
    from pretrain.features import pooled_features

    probe = ProbeConfig.model_validate(config)
    root = workspace.dataset(probe.imagenet)
    train, val = (read_split(root, split, probe.classes) for split in ("train", "val"))
    with process_group() as device:
        trunk = pretrained_trunk(workspace, device)
        features = pooled_features(trunk, train, "train", probe, workspace, device)
        of_val = pooled_features(trunk, val, "val", probe, workspace, device)
    fitted = LogisticRegression(C=probe.cost, max_iter=probe.iterations).fit(features, train.labels)
    workspace.provenance |= {"train": train.fingerprint(), "val": val.fingerprint()}
    scores = fitted.predict_proba(of_val)
    best = (-scores).argsort(axis=1, kind="stable")[:, : top_k.TOP]
    columns = top_k.columns(names_of(val), val.labels, fitted.classes_[best], np.take_along_axis(scores, best, axis=1))
    return {"top1": keep_and_measure(workspace, "val", "top-k", columns)["top1"]}


def check(section, profile):
    """A training set of ImageNet's classes says how many there are."""
    if profile.imagenet_classes is None:
        raise ValueError("evaluate.linear-probe needs a set of data.webvision that shares ImageNet's classes")


def work(section, run):
    """One job for every checkpoint, with or without a classifier of its own."""
    imagenet = Source("data.imagenet", run.profile.data.imagenet)
    config = {**values(section), "imagenet": imagenet.path, "classes": run.profile.imagenet_classes}
    yield run.evaluation("linear-probe", STAGE, config, imagenet)


STAGE = Stage("linear-probe", f"{__file__}:run")
TABLE = Table("linear-probe", "Linear probe (%)", (Column("ImageNet top-1", metric="top1"),))
SPEC = Evaluation("linear-probe", Section, work, check=check, tables=(TABLE,), data_sets=("imagenet",))
