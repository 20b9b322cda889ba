"""The noise-cleaning stage: a pretrained MoPro model corrects or drops the label of every training image.

The rule is that of pretraining (section 3, "noise correction"), applied once to the centre of each image, with the
final encoder and the final prototypes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from core.distributed import process_group, rank, wait_for_all
from core.exhibits import write_exhibits
from core.files import sha256_of
from core.outputs import smallest
from core.workspace import MODEL_FILE, Workspace
from data.images import ImageTable
from data.lists import write_list
from data.miniature.truth import read_hidden_truth
from metrics.measures import keep_and_measure
from pretrain.backbone import ProjectingEncoder, compile_networks
from pretrain.checkpoints import load_encoder
from pretrain.evaluation import fill_rows
from pretrain.methods.mopro.config import CleaningConfig
from pretrain.methods.mopro.correction import Correction
from pretrain.methods.mopro.gallery import gallery
from pretrain.methods.mopro.model import correct_labels, soft_scores
from pretrain.training_set import training_images

PSEUDO_LABELS_FILE = "pseudo_labels.txt"


def run(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Write ``pseudo_labels.txt``: a ``relative/path label`` line for every kept image, in the training set's order.

    Gives shares in percent: of images kept, of kept images whose label was changed, and, where the true labels are
    known, how the pseudo-labels compare with them.

    Raises:
        InputError: the data or the checkpoint cannot be read.
    """
    config = CleaningConfig.model_validate(settings)
    images = training_images(config, workspace)
    written = workspace.folder / PSEUDO_LABELS_FILE
    with process_group() as device:
        encoder, prototypes = load_encoder(workspace.inputs["checkpoint"] / MODEL_FILE)
        compile_networks(encoder, workspace)
        correction = correct_images(encoder.to(device), prototypes.to(device), images, config, workspace, device)
        pseudo, kept = correction.pseudo, correction.kept
        truth = read_hidden_truth(images)
        if rank() == 0:
            write_list(written, images.paths[kept], pseudo[kept])
            write_exhibits(workspace.folder, gallery(images, correction, truth))
        wait_for_all()
    workspace.provenance["pseudo_labels_sha256"] = sha256_of(written)
    columns = {"label": smallest(images.labels), "pseudo": smallest(pseudo), "kept": kept}
    if truth is not None:
        columns["truth"] = truth.astype(np.min_scalar_type(-images.classes))
    return keep_and_measure(workspace, "training", "correction", columns)


def correct_images(
    encoder: ProjectingEncoder,
    prototypes: torch.Tensor,
    images: ImageTable,
    config: CleaningConfig,
    workspace: Workspace,
    device: torch.device,
) -> Correction:
    """What noise correction makes of every image, with the scores behind it."""
    method = config.method

    def corrected(view: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits, embeddings = encoder(view)
        similarities = embeddings @ prototypes.T
        prototype_logits = similarities / method.temperature
        pseudo, kept = correct_labels(logits, prototype_logits, labels, method)
        soft = soft_scores(logits, prototype_logits, method)
        given_score = soft.gather(1, labels.unsqueeze(1)).squeeze(1)
        similarity, prototype = similarities.max(dim=1)
        columns = (pseudo, kept, given_score, soft.max(dim=1).values, prototype, similarity)
        return torch.stack([column.double() for column in columns], dim=1)

    rows = torch.zeros(len(images), 6, dtype=torch.double, device=device)  # which holds labels exactly
    fill_rows(rows, corrected, images, "correction", config, workspace, device)
    pseudo, kept, given_score, highest, prototype, similarity = rows.cpu().numpy().T
    return Correction(pseudo.astype(int), kept.astype(bool), given_score, highest, prototype.astype(int), similarity)
