"""Tables and report say where two methods, or two seeds, were measured on different copies of the data."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.copies import differing_copies
from results.plan import PLAN_FILE, PlannedJob, Results, read_results
from results.report.writing import write_report
from results.writing import write_results
from tests.support.declared import DATA, PLANNED
from tests.support.operations import last_doubling
from tests.support.result_runs import METHODS, a_record, write_job

ORIGINAL = {
    "images": 5,
    "classes": 2,
    "names_sha256": "aa",
    "sample_sha256": "b0" * 32,
    "sides_sha256": "c0",
    "short_side": 375,
    "long_side": 500,
    "sizes": "original",
}
RESIZED = ORIGINAL | {
    "sample_sha256": "b1" * 32,
    "sides_sha256": "c1",
    "short_side": 256,
    "long_side": 341,
    "sizes": "resized to 256",
}
OLDER = {"images": 5, "classes": 2, "names_sha256": "aa"}  # of a record that knew names alone


def write(runs: Path, copies: dict[tuple[str, int], dict], **profile) -> Path:
    """Runs of one evaluation; by method and seed, what was read."""
    jobs = [
        write_job(runs, "accuracy-imagenet", method, seed, {"top1": 60.0, "top5": 80.0}, data={"imagenet": copy})
        for (method, seed), copy in copies.items()
    ]
    content = {"name": "copies", "compares_with": "claims", "tolerance": 0.5, "data": DATA, "methods": METHODS}
    (runs / PLAN_FILE).write_text(json.dumps({"profile": content | profile, "tables": PLANNED, "jobs": jobs}))
    return runs


@pytest.mark.parametrize(
    "copies",
    [
        {("ce", 0): ORIGINAL, ("mopro", 0): ORIGINAL, ("mopro", 1): ORIGINAL},
        {("ce", 0): OLDER, ("mopro", 0): ORIGINAL},  # nothing that is known of both differs
        {("ce", 0): ORIGINAL | {"full_sha256": "dd"}, ("mopro", 0): ORIGINAL},
        {("ce", 0): ORIGINAL, ("ce", 1): RESIZED | {"names_sha256": "a1"}},  # each seed's own subset
    ],
)
def test_one_copy_is_nothing_to_speak_of(tmp_path, copies):
    assert differing_copies(read_results(write(tmp_path, copies))) == []


@pytest.mark.parametrize(
    "copies",
    [
        {("ce", 0): ORIGINAL, ("mopro", 0): RESIZED},
        {("ce", 0): ORIGINAL, ("mopro", 1): RESIZED},  # by names and labels the same, by content not
        {("ce", 0): ORIGINAL, ("mopro", 0): RESIZED | {"names_sha256": "a1"}},
        {("ce", 0): OLDER, ("mopro", 0): OLDER | {"names_sha256": "a1"}},
        {("ce", 0): ORIGINAL | {"full_sha256": "d0"}, ("mopro", 0): ORIGINAL | {"full_sha256": "d1"}},
    ],
)
def test_two_copies_are_named(tmp_path, copies):
    (sentence,) = differing_copies(read_results(write(tmp_path, copies)))
    assert sentence.startswith(
        "Not measured on one copy of the data: accuracy-imagenet has read imagenet of different content, "
    )
    assert "CE" in sentence and "MoPro" in sentence and "\n" not in sentence


def test_the_sentence_says_which_copy_is_whose(tmp_path):
    copies = {("ce", 0): ORIGINAL, ("mopro", 1): RESIZED, ("mopro", 0): RESIZED}
    (sentence,) = differing_copies(read_results(write(tmp_path, copies)))
    assert "original (sides 375 and 500 in the median), names aa, sample b0b0b0b0b0 [seeds of CE (0)]; and" in sentence
    assert sentence.endswith(
        "resized to 256 (sides 256 and 341 in the median), names aa, sample b1b1b1b1b1 [seeds of MoPro (0, 1)]."
    )


def test_tables_and_report_show_it(tmp_path):
    runs = write(tmp_path, {("ce", 0): ORIGINAL, ("mopro", 0): RESIZED})
    (sentence,) = differing_copies(read_results(runs))
    assert sentence in write_results(runs)
    assert sentence in (runs / "tables/accuracy.md").read_text()
    write_report(read_results(runs), runs)
    assert sentence in (runs / "report.html").read_text()


def test_worlds_of_a_miniature_differ_and_are_compared_within_a_seed(tmp_path):
    worlds = {("ce", 0): ORIGINAL, ("ce", 1): RESIZED, ("mopro", 0): ORIGINAL, ("mopro", 1): RESIZED}
    assert differing_copies(read_results(write(tmp_path, worlds, miniature={"image_size": 36}))) == []
    mixed = worlds | {("mopro", 1): ORIGINAL}
    assert len(differing_copies(read_results(write(tmp_path, mixed, miniature={"image_size": 36})))) == 1


Copies = dict[tuple[str, int], dict]  # by method and seed


def read(copies: Copies, has_worlds: bool) -> Results:
    """As :func:`write` would have written it."""
    jobs, records = [], {}
    for (method, seed), copy in copies.items():
        name = f"accuracy-imagenet/{method}/seed{seed}"
        tags = {"evaluation": "accuracy-imagenet", "method": method, "set": "webvision-v1", "seed": str(seed)}
        jobs.append(PlannedJob(name=name, identity=name, folder=name, tags=tags))
        records[name] = a_record(name, tags, {"top1": 60.0}, data={"imagenet": {"images": 5, "classes": 2} | copy})
    return Results({"methods": METHODS, **({"miniature": {}} if has_worlds else {})}, [], jobs, records)


def differ(one: tuple[str, int], other: tuple[str, int], copies: Copies, has_worlds: bool) -> bool:
    """Whether a pair of readers has read what must be the same, and is not."""
    ours, theirs = copies[one], copies[other]
    known = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
    if one[1] != other[1]:  # another seed: of a miniature another world, else perhaps another subset
        return not has_worlds and "names_sha256" not in known and bool(known)
    return bool(known)


NAMES = st.fixed_dictionaries({"names_sha256": st.sampled_from(["aa", "a1"])})
CONTENT = st.fixed_dictionaries(
    {}, optional={f"{it}_sha256": st.sampled_from(["b0", "b1"]) for it in ("sample", "full")}
)
READ = st.dictionaries(
    st.tuples(st.sampled_from(["ce", "mopro"]), st.integers(0, 3)), st.builds(dict.__or__, NAMES, CONTENT)
)


@given(READ, st.booleans())
def test_exactly_those_are_named_that_differ_from_another_one(copies, has_worlds):
    apart = [copies[one] for one in copies if any(differ(one, other, copies, has_worlds) for other in copies)]
    expected = {(METHODS[method]["title"], str(seed)) for (method, seed), copy in copies.items() if copy in apart}
    readers = re.findall(
        r"([^;[]+) \(([\d, ]+)\)", "; ".join(re.findall(r"seeds of (.*?)\]", said(copies, has_worlds)))
    )
    assert {(title.strip(), seed) for title, seeds in readers for seed in seeds.split(", ")} == expected


def said(copies: Copies, has_worlds: bool) -> str:
    return " ".join(differing_copies(read(copies, has_worlds)))


def test_many_worlds_take_no_longer_each_than_few():
    """Each has images of its own, all of which were once compared with all others."""

    def of_worlds(count: int) -> Callable[[], object]:
        copies = {(method, seed): {"names_sha256": f"{seed:x}"} for method in ("ce", "mopro") for seed in range(count)}
        results = read(copies, has_worlds=True)
        return lambda: differing_copies(results)

    assert last_doubling(of_worlds, 20) < 2.2
