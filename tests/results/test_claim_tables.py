"""What becomes of a profile's claims: in its tables, and in the steps of the gain."""

import json
from dataclasses import replace
from functools import partial

from results import tested
from results.__main__ import main
from results.claim_tables import tables_of_claims
from results.gain import in_words, steps_of_gain
from results.plan import PLAN_FILE, read_results
from results.records import RECORD_FILE
from results.report.content import content_of
from tests.results.conftest import GAINS
from tests.results.test_claims import LEVEL
from tests.results.test_records import change_record
from tests.support.claim_runs import fill
from tests.support.operations import operations


def test_the_claims_of_a_profile(eight):
    lines = [line for line in tested.tested(read_results(eight)) if line.figure is None]
    found = {(line.claim, line.comparison.baseline): line.outcome for line in lines}
    assert len(found) == 12
    assert found["accuracy", "ce"].word == "holds" and found["calibration", "ce"].word == "does not hold"
    undecided = [outcome for (_, baseline), outcome in found.items() if baseline == "ce-strong-view"]
    assert {outcome.word for outcome in undecided} <= {"undecided", "no difference"}
    assert all("worlds" in outcome.addition for outcome in undecided if outcome.word == "undecided")
    assert {line.comparison.level for line in lines} == {LEVEL}


def test_a_comparison_in_a_large_plan_takes_no_longer(eight, tmp_path):
    """For each, all jobs of the plan were once gone through."""
    few, many = (read_results(runs) for runs in (fill(tmp_path, 2, **GAINS), eight))
    counts = []
    for results in (few, many):
        sets_of_mopro = partial(tested.sets_with, results, "mopro", ["ce"])
        assert sets_of_mopro() == ["webvision-v1"]
        counts.append(operations(sets_of_mopro))
    assert counts[0] == counts[1]


def test_an_evaluation_that_is_left_out_is_not_run_and_costs_the_others_nothing(tmp_path):
    lines = tested.tested(read_results(fill(tmp_path, 8, ("evaluate.detection=null",), **GAINS)))
    words = {line.outcome.word for line in lines if line.claim == "detection"}
    assert words == {"not run"}
    assert {line.comparison.level for line in lines if line.figure is None} == {LEVEL}
    tables = {table.name: table for table in tables_of_claims(read_results(tmp_path))}
    assert [row["Difference"] for row in tables["claims"].rows][-2:] == ["not run"] * 2


def test_what_no_number_of_seeds_would_decide_is_said_with_the_reason(tmp_path):
    """Detection is left out, and of VOC07 one number of shots; what is planned and not run yet has no reason."""
    fill(tmp_path, 2, ("evaluate.detection=null",), **GAINS)
    plan = json.loads((tmp_path / PLAN_FILE).read_text())
    plan["possible"] = [[job["tags"][tag] for tag in ("method", "set", "evaluation")] for job in plan["jobs"]]
    (tmp_path / PLAN_FILE).write_text(json.dumps(plan))
    for job in plan["jobs"]:
        record = tmp_path / job["folder"] / RECORD_FILE
        if job["tags"]["evaluation"] == "finetune-5pct":
            record.unlink()
        if job["tags"]["evaluation"] == "lowshot-voc07":
            change_record(record, lambda content: content["metrics"].pop("k2"), seals=True)
    tables = {table.name: table for table in tables_of_claims(read_results(tmp_path))}
    found = {row["Claim"].partition(":")[0]: str(row["Verdict"]) for row in tables["claims"].rows}
    assert found["detection"] == "not run (the profile does not measure detection-short)"
    assert found["low-shot"] == "not run (the profile does not measure lowshot-voc07/k2)"
    assert found["fine-tuning"] == "not run" and found["accuracy"] == "no verdict (2 of 8 worlds)"
    figures = {row["Figure"]: str(row["Verdict"]) for row in tables["single-figures"].rows}
    assert figures["box AP (short)"] == "not run (the profile does not measure detection-short)"
    assert figures["VOC07 k=2"] == "not run (the profile does not measure lowshot-voc07/k2)"
    assert any("claims.primary names the figures" in note for note in tables["claims"].notes)


def test_a_claim_without_one_of_its_baselines_is_not_counted(eight):
    """Whatever becomes of its claim against the first one."""
    results = read_results(eight)
    records = {name: record for name, record in results.records.items() if "/ce-strong-view/" not in name}
    tiles = content_of(replace(results, records=records), eight)["tiles"]
    assert tiles[0] == ("Claims that hold", "no verdict", "against every baseline")


def test_the_paragraph_says_what_gains_and_what_loses(eight):
    said = in_words(steps_of_gain(read_results(eight)))
    view, rest, correction = said.split(". ")[:3] if ". " in said else ("", "", "")
    assert view.startswith("CE → CE on the strong view: better in accuracy (+") and "worse in calibration (+" in view
    assert "better in calibration (-" in rest and "worse in accuracy (-" in rest
    assert correction.startswith("MoPro without noise correction → MoPro: better in accuracy (+")


def test_a_step_that_gains_nothing_is_said_to(tmp_path):
    said = in_words(steps_of_gain(read_results(fill(tmp_path, 8, mopro=0.0))))
    assert said.count("no certain gain; undecided in accuracy (") == 3


def test_few_worlds_decide_nothing_about_the_gain(tmp_path):
    said = in_words(steps_of_gain(read_results(fill(tmp_path, 3, **GAINS))))
    assert "better" not in said and "worse" not in said
    assert said.endswith("Of fewer than 8 worlds, this decides nothing about where the gain comes from.")


def test_claims_of_a_plan_are_checked(tmp_path, capsys):
    fill(tmp_path, 1)
    plan = json.loads((tmp_path / PLAN_FILE).read_text())
    plan["profile"]["claims"]["primary"]["accuracy"] = ["accuracy-webvision/top2"]
    (tmp_path / PLAN_FILE).write_text(json.dumps(plan))
    assert main(["tables", str(tmp_path)]) == 2
    assert "the profile's claims: primary.accuracy.0: no table has a figure 'accuracy-webvision/top2'" in (
        capsys.readouterr().err
    )
