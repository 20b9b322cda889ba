"""What a job has cost is the sum of all its starts, however they ended."""

import json
import platform
import time

import pytest

from execution.frozen import REPOSITORY, freeze
from execution.task import Task
from tests.execution.test_executor import run, toy


def test_killed_twice_and_preempted_once_it_is_the_sum_of_four_starts(tmp_path, monkeypatch):
    """In processes of their own, which are really killed; on two GPUs, as far as the executor can tell."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    job, took = toy("interrupted", "be_interrupted_three_times", tasks=1, gpus=1), []
    for _ in range(4):
        began = time.monotonic()
        run([job], tmp_path)
        took.append(time.monotonic() - began)
        time.sleep(0.5)  # in which the job does not run, and costs nothing
    record = job.record(tmp_path)
    cost, starts = record.cost, record.cost.starts
    assert [start.end for start in starts] == ["killed", "killed", "preempted", "done"]
    assert all(0.4 <= start.seconds <= whole for start, whole in zip(starts, took, strict=True))
    assert cost.seconds == pytest.approx(sum(start.seconds for start in starts))
    assert cost.gpu_hours == pytest.approx(cost.seconds / 3600) and cost.gpu_hours > 4 * 0.4 / 3600
    assert [start.code for start in starts] == [0] * 4 and len(record.code) == 1


def test_hosts_are_named_where_that_is_asked_for(tmp_path, monkeypatch):
    for asked in (False, True):
        job = toy(f"named{asked}", number=1)
        snapshot = freeze(tmp_path, [job])
        monkeypatch.setattr("execution.frozen.REPOSITORY", snapshot.folder)  # as in a process that was started so
        assert Task(job, tmp_path, snapshot=snapshot, names_host=asked)() == 0
        monkeypatch.setattr("execution.frozen.REPOSITORY", REPOSITORY)
        (start,) = job.record(tmp_path).cost.starts
        assert start.host == (platform.node() if asked else None)
        assert asked or platform.node() not in json.dumps(job.record(tmp_path).model_dump(mode="json"))
