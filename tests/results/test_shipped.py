"""The shipped result: agreement with it, what its digest covers, and what is fit to be shipped."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from profiles.load import load_profile
from results import shipped
from results.__main__ import main
from results.claim_tables import ClaimTable, tables_of_claims
from results.gain import steps_of_gain
from results.plan import read_results
from results.shipped import Difference, Shipped, agrees, digest_of
from results.statistics import Summary
from tests.results.conftest import GAINS
from tests.support.claim_runs import fill


def test_agreement_against_a_worked_example():
    """t(0.9975, 19) = 3.1737 for ten comparisons at 5%; times 2 and the root of 1/5 + 1/20 that is 3.1737."""
    known = Difference(mean=5.0, deviation=2.0, worlds=20)
    for ours, expected in ((8.17, True), (8.18, False), (1.83, True), (1.82, False)):
        assert agrees(Summary(ours, 99.0, 5), known, shown=10) is expected


@given(st.integers(8, 40), st.integers(1, 8), st.integers(1, 60))
def test_a_run_agrees_with_itself_and_more_comparisons_forgive_more(worlds, n, shown):
    known = Difference(mean=1.0, deviation=2.0, worlds=worlds)
    assert agrees(Summary(1.0, None, n), known, shown)
    for mean in (2.0, 4.0, 8.0):
        assert agrees(Summary(mean, None, n), known, shown + 1) >= agrees(Summary(mean, None, n), known, shown)


def digest(*overrides: str, seeds: tuple[int, ...] = ()) -> str:
    profile = load_profile("mini", overrides, seeds=seeds)
    return digest_of(profile.model_dump(mode="json"), profile.tables)


@pytest.mark.parametrize(
    "override",
    [
        "seeds=[7]",
        "name=mine",
        "tolerance=2",
        "resources.pretrain.hours=3",
        "resources.pretrain.memory=8",
        "slurm.setup=[module load cuda]",
        "pretrain.runtime.log_every=7",
        "evaluate.workers=2",
        "evaluate.finetune.runtime.workers=1",
        "evaluate.detection.runtime.log_every=7",
        "evaluate.detection.untrained_seeds=[1, 2]",
        "claims.margin=2",
        "claims.steps=null",
        "methods.mine={objective: cross-entropy}",
        "methods.no-correction.alpha=0.1",
    ],
)
def test_what_changes_no_difference_changes_no_digest(override):
    assert digest(override) == digest()


@pytest.mark.parametrize(
    "override",
    [
        "miniature.webvision.label_noise=0.3",
        "hard_images.schedule.epochs=7",
        "methods.mopro.alpha=0.4",
        "methods.ce.view=strong",
        "pretrain.schedule.epochs=31",
        "pretrain.arithmetic.precision=bfloat16",
        "evaluate.retrain.view=weak",
        "resources.pretrain.cpus=2",
        "resources.pretrain.tasks=2",
        "evaluate.robustness.bin_size=50",
        "evaluate.detection=null",
        "evaluate.lowshot_voc07.draws=3",
        "claims.baselines=[ce]",
        "claims.primary.accuracy=[accuracy-imagenet/top1]",
    ],
)
def test_what_changes_a_difference_changes_the_digest(override):
    changes = [override] if "baselines" not in override else [override, "claims.steps=null"]
    assert digest(*changes) != digest()


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """Where shipped results lie, for a test."""
    path = tmp_path / "shipped.json"
    monkeypatch.setattr(shipped, "SHIPPED_FILE", path)
    return path


def test_a_result_is_shipped_and_stands_beside_the_same_profile_alone(eight, file, tmp_path, capsys):
    assert main(["ship", str(eight)]) == 0
    assert "52 differences over 8 worlds or more" in capsys.readouterr().out
    content = Shipped.model_validate_json(file.read_bytes())
    assert content.commits == ["0123456789abcdef"] and content.worlds == list(range(8))
    assert content.differences["webvision-v1: accuracy, mopro against ce"].worlds == 8

    def of(folder: str, *changes: str, **figures: float) -> list[str]:
        (tmp_path / folder).mkdir()
        results = read_results(fill(tmp_path / folder, 3, changes, **figures))
        table = next(table for table in tables_of_claims(results) if table.name == "claims")
        return [str(row.get("Shipped", "none")).split(", ")[-1] for row in table.rows]

    assert of("same", **GAINS) == ["agrees"] * 12
    of_ce_and_of_the_strong_view = of("shifted", **GAINS | {"mopro": 14.0})
    assert set(of_ce_and_of_the_strong_view) == {"differs"}
    assert of("other", "pretrain.schedule.epochs=31", **GAINS) == ["none"] * 12


@pytest.mark.parametrize(
    ("worlds", "change", "sentence"),
    [
        (7, {}, "has claims of 7 worlds, and 8 are needed to ship them"),
        (8, {"commit": None}, "are of code that no commit names"),
        (8, {"differs": True}, "are of code that no commit names"),
    ],
)
def test_what_is_not_fit_to_be_shipped(tmp_path, file, capsys, worlds, change, sentence):
    results = read_results(fill(tmp_path, worlds, **GAINS))
    name, record = next(iter(results.records.items()))
    code = record.code[0].model_copy(update=change)
    records = results.records | {name: record.model_copy(update={"code": [code]})}
    with pytest.raises(InputError, match=sentence):
        shipped.ship(replace(results, records=records))
    assert not file.exists()


def test_a_profile_without_claims_ships_nothing_and_has_no_tables_of_them(tmp_path, file):
    results = read_results(fill(tmp_path, 8))
    results = replace(results, profile=results.profile | {"claims": None})
    assert tables_of_claims(results) == [] == steps_of_gain(results)
    with pytest.raises(InputError, match="has claims of 0 worlds"):
        shipped.ship(results)


def test_a_part_of_a_profile_is_not_shipped(tmp_path, file):
    with pytest.raises(InputError, match="has nothing measured for webvision-v1: detection, mopro against ce: run all"):
        shipped.ship(read_results(fill(tmp_path, 8, ("evaluate.detection=null",), **GAINS)))
    assert not file.exists()


def claims_of(runs: Path) -> ClaimTable:
    return next(table for table in tables_of_claims(read_results(runs)) if table.name == "claims")


def test_the_shipped_worlds_have_nothing_beside_them(eight, file):
    shipped.ship(read_results(eight))
    table = claims_of(eight)
    assert not any("Shipped" in row for row in table.rows)
    assert "This is the result that comes with the code, beside which others are set." in table.notes


def test_a_run_with_verdicts_of_its_own_is_not_said_to_agree(eight, file, tmp_path):
    shipped.ship(read_results(eight))
    (tmp_path / "other").mkdir()
    table = claims_of(fill(tmp_path / "other", 8, first=8, **GAINS))
    assert not any("agrees" in str(row["Shipped"]) for row in table.rows)
    assert any("worlds 0, 1, 2, 3, 4, 5, 6 and 7 " in note and "of commit 0123456789" in note for note in table.notes)


@pytest.mark.parametrize("content", ["{", '{"commits": [], "digest": "", "differences": {"a": {"mean": 1}}}'])
def test_a_damaged_shipped_result_is_named(eight, file, capsys, content):
    file.write_text(content)
    assert main(["tables", str(eight)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {file} is damaged (") and error.count("\n") == 1
