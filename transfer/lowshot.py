"""Low-shot evaluation: what its data sets share.

For every k and every draw, k training images of each class are drawn, independently for each class, and linear SVMs
are fitted on the frozen features of their union. A figure is the mean over the draws for one k.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.svm import LinearSVC

from core.distributed import rank
from core.errors import InputError
from core.files import write_json
from core.seeds import generator
from core.workspace import Workspace
from transfer.config import LowShotConfig, SVMConfig

DRAWS_FILE = "draws.json"

Draws = dict[tuple[int, int], np.ndarray]  # (k, draw) -> rows of the training table


def all_draws(candidates: Sequence[np.ndarray], config: LowShotConfig) -> Draws:
    """The drawn rows for every k and every draw; equal for all checkpoints that are evaluated with this seed.

    Args:
        candidates: for each class, the rows of the images that show it, in ascending order.
        config: shots, draws and their seed.

    Raises:
        InputError: a class has fewer images than are to be drawn.
    """
    return {
        (k, draw): draw_shots(candidates, k, config.seed, draw) for k in config.shots for draw in range(config.draws)
    }


def draw_shots(candidates: Sequence[np.ndarray], k: int, seed: int, draw: int) -> np.ndarray:
    """Rows of k images of each class, ``[classes * k]``; a function of the labels, the seed, k and the draw alone.

    Args:
        candidates: for each class, the rows of the images that show it, in ascending order.
        k: images of each class.
        seed: of the evaluation.
        draw: which of the repeated draws.

    Raises:
        InputError: a class has fewer than k images.
    """
    rng = generator(seed, "shots", k, draw)
    rows = []
    for label, of_class in enumerate(candidates):
        if len(of_class) < k:
            raise InputError(
                f"Class {label} has {len(of_class)} training images, {k} are to be drawn: "
                "lower k in the profile's shots, or complete the data set."
            )
        rows.append(rng.choice(of_class, k, replace=False))
    return np.concatenate(rows)


def record_draws(draws: Draws, workspace: Workspace) -> None:
    """Write the drawn rows to ``draws.json`` in the job's folder, and their digest into the provenance."""
    content = np.ascontiguousarray(np.concatenate(list(draws.values())), dtype="<i8").tobytes()
    workspace.provenance["draws_sha256"] = hashlib.sha256(content).hexdigest()
    if rank() == 0:
        listed = [{"k": k, "draw": draw, "rows": rows.tolist()} for (k, draw), rows in draws.items()]
        write_json(workspace.folder / DRAWS_FILE, listed)


def measure_draws(
    draws: Draws, measure: Callable[[np.ndarray], float], workspace: Workspace
) -> dict[str, dict[str, Any]]:
    """Metrics ``k1``, ``k2``, ... in percent: mean and sample standard deviation over the draws.

    Args:
        draws: the drawn rows.
        measure: from drawn rows to a fraction in [0, 1].
        workspace: told about every draw.
    """
    fractions: dict[int, list[float]] = {}
    for done, ((k, _), rows) in enumerate(draws.items(), start=1):
        fractions.setdefault(k, []).append(measure(rows))
        workspace.progress(done, len(draws), "draws")
    return {
        f"k{k}": {
            "value": 100 * float(np.mean(values)),
            "unit": "%",
            "n": len(values),
            "spread": 100 * float(np.std(values, ddof=1)),
        }
        for k, values in fractions.items()
    }


def linear_svm(constants: SVMConfig, class_weight: Mapping[int, float] | None = None) -> LinearSVC:
    """A classifier that is not fitted yet; without ``class_weight`` all classes weigh the same."""
    return LinearSVC(
        penalty="l2",
        loss="squared_hinge",
        dual=True,
        C=constants.cost,
        tol=constants.tolerance,
        max_iter=constants.iterations,
        class_weight=class_weight,
        random_state=0,
    )
