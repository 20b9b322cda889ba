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
from core.workspace import MODEL_FILE, Workspace
from data.images import ImageTable
from data.lists import write_list
from data.miniature.truth import read_hidden_truth
from data.miniature.writers import OUT_OF_DISTRIBUTION
from pretrain.backbone import ProjectingEncoder, compile_networks
from pretrain.checkpoints import load_encoder
from pretrain.features import fill_rows
from pretrain.methods.mopro.config import CleaningConfig
from pretrain.methods.mopro.correction import Correction
from pretrain.methods.mopro.gallery import gallery
from pretrain.methods.mopro.model import correct_labels, soft_scores
from pretrain.training_set import training_images

PSEUDO_LABELS_FILE = "pseudo_labels.txt"
Share = tuple[np.ndarray, np.ndarray]  # [n] whether an image counts, [n] whether it belongs to the whole


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
    shares = {"kept": (kept, np.ones_like(kept)), "changed": (pseudo != images.labels, kept)}
    if truth is not None:
        shares |= against_truth(images.labels, pseudo, kept, truth)
    return {
        name: {"value": 100 * int(counts[whole].sum()) / int(whole.sum()), "unit": "%", "n": int(whole.sum())}
        for name, (counts, whole) in shares.items()
        if whole.any()
    }


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
    fill_rows(rows, corrected, images, config, workspace, device)
    pseudo, kept, given_score, highest, prototype, similarity = rows.cpu().numpy().T
    return Correction(pseudo.astype(int), kept.astype(bool), given_score, highest, prototype.astype(int), similarity)


def against_truth(given: np.ndarray, pseudo: np.ndarray, kept: np.ndarray, truth: np.ndarray) -> dict[str, Share]:
    """What cleaning did to wrong labels, to right ones, and to images of no class.

    Args:
        given: ``[n]`` labels before cleaning.
        pseudo: ``[n]`` labels after it.
        kept: ``[n]`` whether an image was kept.
        truth: ``[n]`` true labels, -1 for out of distribution.

    Returns:
        ``noise_corrected``: of the wrongly labelled images of a class, those kept with their true label;
        ``clean_kept``: of the rightly labelled images, those kept with their label;
        ``out_of_distribution_dropped``: of the images of no class, those not kept.
    """
    strange = truth == OUT_OF_DISTRIBUTION
    is_right = kept & (pseudo == truth)
    return {
        "noise_corrected": (is_right, ~strange & (given != truth)),
        "clean_kept": (is_right, given == truth),
        "out_of_distribution_dropped": (~kept, strange),
    }
