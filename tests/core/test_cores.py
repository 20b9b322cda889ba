"""How many processors a process may use: pinned, and limited by control groups."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import cores
from core.cores import usable_cores
from tests.support.machine import (
    RUN_ALL,
    run,
)


def test_as_many_processes_as_processors_that_may_be_used():
    line = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), *RUN_ALL]
    for command in ([], ["verify"]):
        assert b"(default: 1)" in run(*line, *command, "--help", COLUMNS="200").stdout


def group(folder: Path, quota: str, version: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if version == 2:
        (folder / "cpu.max").write_text(f"{quota} 100000\n")
    else:
        (folder / "cpu.cfs_quota_us").write_text(f"{-1 if quota == 'max' else quota}\n")
        (folder / "cpu.cfs_period_us").write_text("100000\n")


@pytest.mark.parametrize("version", (1, 2))
@given(quotas=st.lists(st.one_of(st.just("max"), st.integers(1000, 10**6).map(str)), min_size=3, max_size=3))
@settings(max_examples=20, deadline=None)
def test_every_group_around_the_process_limits_it(tmp_path_factory, version, quotas):
    """Also where a container sees its own group as the root."""
    top = tmp_path_factory.mktemp("groups")
    folders = [top, top / "user.slice", top / "user.slice/job"]
    for folder, quota in zip(folders, quotas, strict=True):
        group(folder, quota, version)
    (top / "groups").write_text({1: "3:cpu,cpuacct:/user.slice/job\n", 2: "0::/user.slice/job\n"}[version])
    limits = set(cores._limits(top / "groups", (top,)))
    assert limits == {int(quota) / 100000 for quota in quotas if quota != "max"}


def test_never_less_than_one_processor(monkeypatch):
    monkeypatch.setattr(cores, "_limits", lambda: iter([0.01]))
    assert usable_cores() == 1
