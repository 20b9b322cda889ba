"""Low-shot evaluation: what its data sets share.

For every k and every draw, k training images of each class are drawn, independently for each class, and linear SVMs
are fitted on the frozen features of their union. A figure is the mean over the draws for one k.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from core.distributed import rank
from core.errors import InputError
from core.files import write_json
from core.parts import by_part
from core.seeds import generator
from core.side_by_side import side_by_side
from core.workspace import Workspace
from transfer.lowshot.config import LowShotConfig, SVMConfig

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


class Classifiers:
    """Fits linear SVMs, and counts how many of them stop at their limit of iterations before they converge.

    Args:
        config: of all of them.
        class_weight: without it, all classes weigh the same.
    """

    def __init__(self, config: SVMConfig, class_weight: Mapping[int, float] | None = None) -> None:
        self.config = config
        self.class_weight = class_weight
        self.fitted = 0
        self.not_converged = 0

    def fit(self, features: np.ndarray, targets: np.ndarray) -> LinearSVC:
        """A classifier of the rows of ``features`` (``[m, d]``) by their ``targets`` (``[m]``)."""
        classifier = LinearSVC(
            penalty="l2",
            loss="squared_hinge",
            dual=True,
            C=self.config.cost,
            tol=self.config.tolerance,
            max_iter=self.config.iterations,
            class_weight=self.class_weight,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # counted below
            warnings.filterwarnings("ignore", "The number of unique classes")  # is that of the images where k is 1
            classifier.fit(features, targets)
        self.fitted += 1
        self.not_converged += classifier.n_iter_ >= self.config.iterations
        return classifier


def over_draws(
    draws: Draws,
    classifiers: Callable[[], Classifiers],
    answer: Callable[[np.ndarray, Classifiers], np.ndarray],
    determined_by: Mapping[str, Any],
    workspace: Workspace,
) -> tuple[np.ndarray, dict[str, dict[str, Any]]]:
    """What the classifiers of every draw say of the evaluated images, ``[draws, ...]``, and their convergence by k.

    The draws are computed side by side by as many processes as the job has processors, and by part
    (:mod:`core.parts`), of which they are the items.

    Args:
        draws: the drawn rows.
        classifiers: makes those of one draw.
        answer: from drawn rows, and with classifiers, to what these say; the answer is all that it leaves.
        determined_by: what answers depend on beside the drawn rows, as :func:`core.parts.by_part` takes it.
        workspace: receives progress and parts.

    Raises:
        Interrupted: a process of the job was asked to stop.
    """
    largest_first = sorted(draws, key=lambda of_draw: len(draws[of_draw]), reverse=True)

    def answered(number: int) -> dict[str, Any]:
        fitted = classifiers()
        of_images = answer(draws[largest_first[number]], fitted)
        return {"answer": of_images, "fitted": fitted.fitted, "not_converged": fitted.not_converged}

    def computed(numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
        return side_by_side(answered, numbers, workspace.cpus)

    determined_by = {**determined_by, "draws": [draws[of_draw] for of_draw in largest_first]}
    of_draws = by_part("draws", computed, len(draws), determined_by, workspace, "draws")
    found = dict(zip(largest_first, of_draws, strict=True))
    counts = {f"k{k}": {"fitted": 0, "not_converged": 0} for k, _ in draws}
    for (k, _), of_draw in found.items():
        for name in ("fitted", "not_converged"):
            counts[f"k{k}"][name] += int(of_draw[name])
    fitted, stopped = (sum(of_k[name] for of_k in counts.values()) for name in ("fitted", "not_converged"))
    if stopped:
        print(f"{stopped} of {fitted} SVMs stopped at their limit of iterations before they converged", flush=True)
    convergence = {name: {"convergence": of_k} for name, of_k in counts.items()}
    return np.stack([found[of_draw]["answer"] for of_draw in draws]), convergence


def shots_of(draws: Draws) -> np.ndarray:
    """The k of every draw, ``[draws]``."""
    return np.array([k for k, _ in draws])
