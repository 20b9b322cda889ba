"""Which images ``verify`` decodes, and what happens when it is killed or interrupted while it does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.verification.decoding import decoded_images, sampled_rows
from run_all import main
from tests.data.test_verification import options
from tests.support import REPOSITORY
from tests.support.commands import environment
from tests.support.machine import interrupted, sentence_of


def test_a_sample_depends_on_size_and_number_alone():
    rows = sampled_rows(1000, 30)
    assert len(set(rows)) == 30 and (rows == sampled_rows(1000, 30)).all() and (rows[1:] > rows[:-1]).all()
    assert sampled_rows(20, 30).tolist() == sampled_rows(20, None).tolist() == list(range(20))


def started(program: str, *arguments: str) -> subprocess.Popen:
    """A process that runs a program with the modules of this repository."""
    return subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=REPOSITORY, env=environment())


def test_a_killed_check_goes_on_where_it_stopped(miniature, tmp_path, monkeypatch):
    program = """
import sys, time, data.images, run_all, data.verification.decoding as decoding, data.verification.report as report
data.images.ImageFile.pixels = lambda self: time.sleep(0.05)
decoding.IMAGES_AT_ONCE, report.SECONDS_BETWEEN_WRITES = 5, 0
run_all.main(sys.argv[1:])
"""
    runs = tmp_path / "runs"
    arguments = ["verify", "--full", *options(miniature), "--runs", str(runs), "--jobs", "2"]
    process = started(program, *arguments)
    partial = runs / "mini/verification/full/webvision.train.partial"
    while not (partial.exists() and json.loads(partial.read_text())["done"] >= 20):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    done = json.loads(partial.read_text())["done"]
    assert 20 <= done < 200
    decoded = []

    def noted(images, rows, processes):
        decoded.append(len(rows))
        return decoded_images(images, rows, processes)

    monkeypatch.setattr("data.verification.report.decoded_images", noted)
    assert main(arguments) == 0
    assert decoded[0] == 200 - done
    assert not partial.exists()
    report = runs / "mini/verification/full/webvision.json"
    goes_on = report.read_bytes()
    assert main(arguments) == 0
    assert goes_on == report.read_bytes()


def test_decoding_processes_end_with_the_command(miniature, tmp_path):
    program = """
import os, sys, time, data.images, run_all
def pixels(self):
    os.makedirs(f"{sys.argv[1]}/{os.getpid()}", exist_ok=True)
    time.sleep(60)
data.images.ImageFile.pixels = pixels
run_all.main(sys.argv[2:])
"""
    seen = tmp_path / "seen"
    seen.mkdir()
    process = started(
        program, str(seen), "verify", *options(miniature), "--runs", str(tmp_path / "runs"), "--jobs", "2"
    )
    while not list(seen.iterdir()):
        time.sleep(0.05)
    process.kill()
    process.wait()
    workers = [int(path.name) for path in seen.iterdir()]
    for _ in range(100):
        if not any(is_alive(worker) for worker in workers):
            return
        time.sleep(0.05)
    pytest.fail("a decoding process outlived the command")


@pytest.mark.parametrize("kind", (signal.SIGINT, signal.SIGKILL))
def test_decoding_that_is_interrupted_or_killed(miniature, tmp_path, kind):
    """Ctrl-C reaches all processes, the system's end for lack of memory one that decodes."""
    program = """
import os, sys, time, data.images, run_all
def pixels(self):
    open(f"{sys.argv[1]}/{os.getpid()}", "w").close()
    time.sleep(60)
data.images.ImageFile.pixels = pixels
sys.exit(run_all.main(sys.argv[2:]))
"""
    seen = tmp_path / "seen"
    seen.mkdir()
    arguments = [*options(miniature), "--runs", tmp_path / "runs", "--jobs", "2"]

    def is_ready() -> bool:
        working = list(seen.iterdir())
        if working and kind == signal.SIGKILL:
            os.kill(int(working[0].name), kind)
        return bool(working)

    line = [sys.executable, "-c", program, seen, "verify", *arguments]
    if kind == signal.SIGINT:
        assert sentence_of(interrupted(line, is_ready), 130).startswith("interrupted")
        return
    process = subprocess.Popen(line, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not is_ready():
        assert process.poll() is None
    _, stderr = process.communicate(timeout=60)
    (sentence,) = stderr.decode().splitlines()
    assert process.returncode == 2 and "no memory left" in sentence and "--jobs" in sentence


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
