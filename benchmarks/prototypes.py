"""The prototype update at the paper's size: closed form against a loop over samples."""

import torch
import torch.nn.functional as F

from benchmarks.measuring import Comparison, compare
from pretrain.methods.mopro.model import move_prototypes

CLASSES, EMBEDDING, BATCH, MOMENTUM = 1000, 128, 256, 0.999


def measure() -> Comparison:
    """Both ways on the same batch; they must agree before they are timed.

    Raises:
        AssertionError: they do not.
    """
    torch.manual_seed(0)
    prototypes = F.normalize(torch.randn(CLASSES, EMBEDDING))
    embeddings = F.normalize(torch.randn(BATCH, EMBEDDING))
    labels = torch.randint(CLASSES, (BATCH,))
    kept = torch.rand(BATCH) < 0.7

    def sample_by_sample() -> torch.Tensor:
        moved = prototypes.clone()
        for embedding, label in zip(embeddings[kept], labels[kept], strict=True):
            moved[label] = moved[label] * MOMENTUM + (1 - MOMENTUM) * embedding
        return F.normalize(moved)

    def closed_form() -> torch.Tensor:
        return move_prototypes(prototypes, embeddings, labels, kept, MOMENTUM)

    torch.testing.assert_close(closed_form(), sample_by_sample())
    what = f"prototype update, {BATCH} samples, {CLASSES} classes"
    return compare(what, "a loop over samples", sample_by_sample, closed_form, rounds=31)
