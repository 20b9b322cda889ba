"""Whatever becomes of records and plan on disk, the tables stay what they were, or a sentence names the file."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from results.addresses import measurements
from results.latex import latex
from results.long_form import long_form
from results.plan import PLAN_FILE, PlannedJob, Results, read_results
from results.records import RECORD_FILE
from results.seal import KEY, sealed
from results.tables import build_tables
from results.trail import trace
from tests.results.test_records import VERSION_1
from tests.support.fuzzing import fuzz
from tests.support.result_runs import write_runs

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 300),
    st.sampled_from(
        [10**40, 1e308, -0.0, float("nan"), float("inf"), "", "NaN", "mopro", "ce", "0", "../..", "a\0b", "é\n"]
    ),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from([[], {}, [[]], {"value": 1.0, "unit": "%", "n": 1}, {"method": "ce"}]),
)
PROVENANCE = {
    "voc07": {"test": {"images": 3, "classes": 2, "sha256": "ab", "sides_sha256": "cd", "note": 1}},
    "list": {"images": 3, "sha256": "ef"},
    "model_sha256": "ab",
    "operators": "torch",
}
WORDS = [b"NaN", b"Infinity", b"1e999", b"\xff", b"\\ud800", b"{", b"}", b'"', b",", b"0", b"-", b"\xef\xbb\xbf", b"\0"]


def places(value: Any, place: tuple = ()) -> list[tuple]:
    """Where every value lies in a JSON value, the whole included."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, item in inside for found in places(item, (*place, key)))]


def edited(content: Any, data: st.DataObject) -> Any:
    """JSON with some values changed, moved, taken away or added; names changed."""
    content = copy.deepcopy(content)
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, key = data.draw(st.sampled_from([place for place in places(content) if place]))
        inside = content
        for parent in parents:
            inside = inside[parent]
        match data.draw(st.sampled_from(["change", "nudge", "remove", "add", "rename", "copy"])):
            case "change":
                inside[key] = copy.deepcopy(data.draw(VALUES))
            case "nudge" if isinstance(inside[key], int | float):
                inside[key] += data.draw(st.sampled_from([1, -1, 1e-9, 50, 0.5]))
            case "nudge" if isinstance(inside[key], str):
                inside[key] = data.draw(st.sampled_from([inside[key] + "x", inside[key][:-1], inside[key].upper()]))
            case "remove":
                del inside[key]
            case "rename" if isinstance(inside, dict):
                inside[data.draw(st.text(max_size=4))] = inside.pop(key)
            case "copy":
                source = content
                for part in data.draw(st.sampled_from(places(content))):
                    source = source[part]
                inside[key] = copy.deepcopy(source)
            case _ if isinstance(inside, dict):
                inside[data.draw(st.text(max_size=4))] = copy.deepcopy(data.draw(VALUES))
            case _:
                inside.insert(0, copy.deepcopy(data.draw(VALUES)))
        if not any(place for place in places(content)):
            return content
    return content


def damaged(content: bytes, data: st.DataObject) -> bytes:
    """Bytes that were cut, flipped, repeated, or have others between them."""
    for _ in range(data.draw(st.integers(1, 3))):
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        match data.draw(st.sampled_from(["cut", "flip", "drop", "repeat", "insert", "space"])):
            case "cut":
                content = content[:start]
            case "flip" if start < len(content):
                flipped = content[start] ^ (1 << data.draw(st.integers(0, 7)))
                content = content[:start] + bytes([flipped]) + content[start + 1 :]
            case "drop":
                content = content[:start] + content[end:]
            case "repeat":
                content = content[:end] + content[start:]
            case "insert":
                content = content[:start] + data.draw(st.sampled_from(WORDS)) + content[start:]
            case _:
                content = content.replace(b" ", data.draw(st.sampled_from([b"", b"\t", b"  ", b"\r\n"])))
    return content


def everything(results: Results, runs: Path) -> str:
    """All that is computed from results, without writing it."""
    tables = build_tables(results)
    parts = [str(table) + latex(table.title, table.cells, table.marks) for table in tables]
    trails = [trace(results, runs, measurement.address) for measurement in measurements(results)]
    assert {table.name for table in tables} <= long_form(results).keys()
    return "\n".join([*parts, *trails])


def one_sentence(said: str) -> bool:
    return said.isprintable() and said.endswith(".")


def tables_of(results: Results) -> str:
    return str(build_tables(results))


def without(results: Results, left_out: dict[str, str]) -> str:
    """The tables as they are without some records."""
    records = {name: record for name, record in results.records.items() if name not in left_out}
    return tables_of(Results(results.profile, results.tables, results.jobs, records))


def of_every_record(tmp_path: Path) -> tuple[Path, Results, list[PlannedJob]]:
    runs = write_runs(tmp_path, "claims")
    results = read_results(runs)
    return runs, results, [job for job, _ in results.done]


Change = Callable[[bytes, st.DataObject], bytes]


def by_an_editor(content: bytes, data: st.DataObject) -> bytes:
    return json.dumps(edited(json.loads(content), data), indent=data.draw(st.sampled_from([None, 2, 4]))).encode()


def test_fuzz_a_record_is_as_it_was_written_or_named(tmp_path):
    runs, before, jobs = of_every_record(tmp_path)

    @given(data=st.data(), job=st.sampled_from(jobs), change=st.sampled_from([by_an_editor, damaged]))
    def check(data, job, change):
        path = runs / job.folder / RECORD_FILE
        whole = path.read_bytes()
        try:
            path.write_bytes(change(whole, data))
            after = read_results(runs)
            assert after.left_out.keys() <= {job.name}
            assert all(one_sentence(problem) and str(path) in problem for problem in after.problems)
            assert tables_of(after) == without(before, after.left_out)
        finally:
            path.write_bytes(whole)

    fuzz(check)


def test_fuzz_a_record_that_is_sealed_anew_or_older_is_right_or_named(tmp_path):
    """Nothing notices that its figures are others; but they are figures, and everything can be made of them."""
    runs, _, jobs = of_every_record(tmp_path)

    @given(data=st.data(), job=st.sampled_from(jobs), is_older=st.booleans())
    def check(data, job, is_older):
        path = runs / job.folder / RECORD_FILE
        whole = path.read_bytes()
        content = VERSION_1 | {"identity": job.identity} if is_older else json.loads(whole)
        content.pop(KEY, None)
        content["provenance"] = PROVENANCE
        try:
            content = edited(content, data)
            try:
                path.write_text(json.dumps(content) if is_older else sealed(content))
            except ValueError:  # not finite: nobody can seal it
                return
            after = read_results(runs)
            assert after.left_out.keys() <= {job.name}
            assert all(one_sentence(problem) and str(path) in problem for problem in after.problems)
            for metric in after.records[job.name].metrics.values() if job.name in after.records else ():
                assert metric.n > 0 and (metric.unit != "%" or -1e-6 < metric.value < 100 + 1e-6)
                assert abs(metric.value) < float("inf") and (metric.spread is None or 0 <= metric.spread < float("inf"))
            everything(after, runs)
        finally:
            path.write_bytes(whole)

    fuzz(check)


def test_fuzz_a_plan_is_as_it_was_written_or_named(tmp_path):
    runs, before, _ = of_every_record(tmp_path)
    path = runs / PLAN_FILE
    plain = path.read_bytes()
    whole = sealed(json.loads(plain)).encode()

    @given(data=st.data(), change=st.sampled_from([by_an_editor, damaged]), is_sealed=st.booleans())
    def check(data, change, is_sealed):
        path.write_bytes(change(whole if is_sealed else plain, data))
        try:
            after = read_results(runs)
            said = everything(after, runs)
        except InputError as error:
            assert one_sentence(error.sentence), error.sentence
            return
        assert not is_sealed or KEY not in json.loads(path.read_bytes()) or tables_of(after) == tables_of(before)
        assert isinstance(said, str)

    fuzz(check)
