"""Runs the command as a user would, on a reduced miniature."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support import REPOSITORY

REDUCED = {
    "seeds": "[0]",
    "miniature.webvision.images": "400",
    "miniature.webvision.validation_images": "101",
    "miniature.imagenet.images": "200",
    "miniature.imagenet.validation_images": "101",
    "miniature.voc07.trainval_images": "120",
    "miniature.voc07.test_images": "81",
    "miniature.places205.images": "60",
    "miniature.places205.validation_images": "41",
    "miniature.imagenet_r.images": "211",
    "miniature.imagenet_pool.images": "101",
    "hard_images.schedule.epochs": "1",
    "hard_images.schedule.batch_size": "20",
    "hard_images.schedule.decay_at": "[]",
    "pretrain.schedule.epochs": "3",
    "pretrain.schedule.batch_size": "40",
    "pretrain.schedule.decay_at": "[2]",
    "pretrain.runtime.checkpoint_every": "3",
    "pretrain.runtime.log_every": "5",
    "methods.mopro.queue_size": "120",
    "methods.no-correction.queue_size": "120",
    "methods.mopro.correction_from_epoch": "2",
    "evaluate.retrain.schedule.epochs": "3",
    "evaluate.retrain.schedule.batch_size": "20",
    "evaluate.retrain.schedule.decay_at": "[]",
    "evaluate.lowshot_voc07.shots": "[1, 4]",
    "evaluate.lowshot_places205.shots": "[1, 4]",
    "evaluate.finetune.schedule.epochs": "2",
    "evaluate.finetune.schedule.batch_size": "10",
    "evaluate.finetune.schedule.decay_at": "[]",
    "miniature.coco.images": "8",
    "miniature.coco.validation_images": "5",
    "evaluate.detection.schedules.short.iterations": "4",
    "evaluate.detection.schedules.short.decay_at": "[3]",
    "evaluate.detection.warmup": "2",
    "evaluate.detection.precise_batch_norm": "2",
    "evaluate.detection.runtime.checkpoint_every": "2",
    "evaluate.detection.untrained_seeds": "[0]",
}


def command(runs: Path, *arguments: str, **changes: str) -> list[str]:
    """The command line of run_all.py for the reduced miniature; ``changes`` have __ for each dot of a key."""
    values = REDUCED | {key.replace("__", "."): value for key, value in changes.items()}
    overrides = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    return [sys.executable, str(REPOSITORY / "run_all.py"), "--runs", str(runs), *overrides, *arguments]


def run_all(runs: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
    """Run to the end."""
    return subprocess.run(command(runs, *arguments, **changes), capture_output=True, text=True, env=environment())


def environment() -> dict[str, str]:
    """Of a user's shell, without what an outer job may have set."""
    return {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}


def records(runs: Path) -> dict[str, dict[str, Any]]:
    """All records below a folder by folder name, without what a run cost."""
    found = {}
    for path in sorted(runs.rglob("record.json")):
        record = json.loads(path.read_text())
        del record["cost"], record["digest"]
        found[str(path.parent.relative_to(runs))] = record
    return found
