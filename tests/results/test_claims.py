"""Claims: the rules, pure functions of figures by world, and what becomes of a profile's claims."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import familywise
from benchmarks.familywise import TRUTHS, simulate
from core.errors import InputError
from profiles.load import load_profile
from results import shipped, tested
from results.__main__ import main
from results.claim_tables import NOTES_ON_FIGURES, tables_of_claims
from results.claims import FAMILYWISE, Claim, decide, explained
from results.gain import in_words, steps_of_gain
from results.plan import PLAN_FILE, read_results
from results.report.content import content_of
from results.shipped import Difference, Shipped, agrees, digest_of
from results.statistics import Summary, effect_interval, power, summarise
from tests.results.test_tables import write_job
from tests.support.declared import PLANNED

LEVEL = FAMILYWISE / 6
SPREAD = (-0.7, 0.4, 0.1, -0.3, 0.5, 0.2, -0.4, 0.2)  # of eight worlds; the mean is 0


def decided(
    *baselines: tuple[float, ...], worlds: int = 8, spread: float = 1.0, lower: bool = False, margin: float = 1.0
) -> Claim:
    """The claim about figures that lie so far above each baseline's, with the same spread over worlds."""
    names = [str(world) for world in range(worlds)]
    values = [spread * SPREAD[world % len(SPREAD)] for world in range(worlds)]
    ours = {str(figure): dict(zip(names, values, strict=True)) for figure in range(len(baselines[0]))}
    theirs = {
        f"baseline {number}": {str(figure): dict.fromkeys(names, -mean) for figure, mean in enumerate(means)}
        for number, means in enumerate(baselines)
    }
    return decide("claim", ours, theirs, LEVEL, margin, lower)


def words(claim: Claim) -> tuple[list[str], list[str]]:
    """Of the means against each baseline, and of the figures."""
    return [one.outcome.word if one.outcome else "" for one in claim.comparisons], [
        one.outcome.word for one in claim.figures
    ]


@pytest.mark.parametrize(
    ("baselines", "changes", "expected"),
    [
        (((2, 2), (2, 2)), {}, (["holds", "holds"], ["holds", "holds"])),
        (((-2, -2), (-2, -2)), {}, (["does not hold", "does not hold"], ["does not hold"] * 2)),
        (((-2, -2), (-2, -2)), {"lower": True}, (["holds", "holds"], ["holds", "holds"])),
        (((2, 2), (0, 0)), {}, (["holds", "no difference"], ["not tested"] * 2)),
        (((2, 2), (0.5, 0.3)), {"margin": 0.5}, (["holds", "undecided"], ["not tested"] * 2)),
        (((0, 0), (2, 2)), {}, (["no difference", "not tested"], ["not tested"] * 2)),
        (((0, 0), (2, 2)), {"margin": 0}, (["undecided", "not tested"], ["not tested"] * 2)),
        (((0.9, 0.9), (0.9, 0.9)), {}, (["holds", "holds"], ["holds", "holds"])),  # inside the margin, and significant
        (((4, 0.1), (4, 0.1)), {}, (["holds", "holds"], ["holds", "no difference"])),
        (((4, 2), (4, -2)), {}, (["holds", "holds"], ["holds", "undecided"])),  # above one, below the other
        (((2, 2), (2, 2)), {"worlds": 7}, (["no verdict", "no verdict"], ["no verdict"] * 2)),
        (((2, 2), (2, 2)), {"worlds": 0}, (["not run", "not run"], ["not run"] * 2)),
    ],
)
def test_words(baselines, changes, expected):
    assert words(decided(*baselines, **changes)) == expected


def test_signs_that_differ_are_said_to_be_measured():
    figure = decided((4, 2), (4, -2)).figures[1]
    assert str(explained(figure.outcome, figure.comparisons)) == (
        "undecided (above one baseline and below another, as measured)"
    )


def test_a_figure_can_hold_beside_an_interval_that_contains_0():
    """Holm's procedure tests the last figure at the claim's whole level, and its interval is at half of it."""
    _, last = decided((4, 0.58)).figures
    ((low, high),) = (comparison.interval for comparison in last.comparisons)
    assert last.outcome.word == "holds" and low < 0 < high
    assert any("beside an interval that contains 0" in note for note in NOTES_ON_FIGURES)


def test_a_claim_without_one_of_its_figures_is_not_run():
    """It does not become a claim about fewer figures."""
    ours = {"a": {str(world): 2.0 + world / 10 for world in range(8)}, "b": {}}
    theirs = {"a": {str(world): 0.0 for world in range(8)}, "b": {}}
    claim = decide("claim", ours, {"ce": theirs}, LEVEL, 1.0)
    assert words(claim) == (["not run"], ["not tested", "not run"])


def test_differences_are_paired_by_world():
    """A shift that is common to a world does not count, and a world that one side lacks is left out."""
    shift = dict(zip("abcdefgh", (0.0, 90.0, -50.0, 3.0, 7.0, 200.0, -9.0, 31.0), strict=True))
    ours = {"x": {world: value + 1 for world, value in shift.items()}}
    theirs = {"x": shift | {"z": 1e6}}
    (comparison,) = decide("claim", ours, {"ce": theirs}, LEVEL, 1.0).comparisons
    assert comparison.difference == Summary(1.0, 0.0, 8)


FIGURES = st.lists(st.lists(st.integers(-40, 40), min_size=8, max_size=8), min_size=1, max_size=4)
WORDS_THAT_SAY_NOTHING = ("undecided", "not tested")


def decide_on(figures: list[list[float]], others: list[list[list[float]]], margin: float = 1.0) -> Claim:
    """``figures`` and ``others`` (one for each baseline): for each figure a value in every world."""

    def named(values: list[list[float]]) -> dict[str, dict[str, float]]:
        return {str(number): {str(world): v for world, v in enumerate(row)} for number, row in enumerate(values)}

    return decide("claim", named(figures), {str(n): named(it) for n, it in enumerate(others)}, LEVEL, margin)


def both_words(claim: Claim) -> list[str]:
    return [word for part in words(claim) for word in part]


@given(FIGURES, st.floats(1.05, 4), st.integers(0, 30))
def test_wider_intervals_never_make_a_word_of_undecided(figures, factor, margin):
    def around_the_mean(row: list[int]) -> list[float]:
        return [sum(row) / 8 + factor * (value - sum(row) / 8) for value in row]

    zeros = [[[0.0] * 8 for _ in figures]] * 2
    narrow = both_words(decide_on(figures, zeros, margin))
    wide = both_words(decide_on([around_the_mean(row) for row in figures], zeros, margin))
    said = [one for one, before in zip(wide, narrow, strict=True) if before in WORDS_THAT_SAY_NOTHING]
    assert set(said) <= set(WORDS_THAT_SAY_NOTHING)


@given(FIGURES, st.randoms())
def test_the_order_of_worlds_does_not_matter(figures, order):
    places = list(range(8))
    order.shuffle(places)
    shuffled = [[row[place] for place in places] for row in figures]
    zeros = [[[0.0] * 8 for _ in figures]]
    claims = decide_on(figures, zeros), decide_on(shuffled, zeros)
    assert both_words(claims[0]) == both_words(claims[1])
    (one,), (other,) = (claim.comparisons for claim in claims)
    assert one.difference.mean == pytest.approx(other.difference.mean)


@given(FIGURES, st.sampled_from([0.25, 2.0, 8.0]))
def test_the_unit_does_not_matter(figures, factor):
    zeros = [[[0.0] * 8 for _ in figures]]
    scaled = [[factor * value for value in row] for row in figures]
    assert both_words(decide_on(figures, zeros)) == both_words(decide_on(scaled, zeros, margin=factor))


@given(FIGURES)
def test_the_other_direction_turns_the_words(figures):
    zeros = [[[0.0] * 8 for _ in figures]]
    turned = [[-value for value in row] for row in figures]
    swapped = {"holds": "does not hold", "does not hold": "holds"}
    expected = [swapped.get(word, word) for word in both_words(decide_on(figures, zeros))]
    assert both_words(decide_on(turned, zeros)) == expected


HARDEST = (
    "nothing differs",
    "all differ from the first by the margin, none from the second",
    "all differ from the first by the margin, none from the second, baselines uncorrelated",
    "all differ from both by the margin, baselines uncorrelated",
    "of each claim, all figures but the first differ",
    "three claims differ by the margin, three do not",
)


@pytest.mark.parametrize("truth", HARDEST)
@pytest.mark.parametrize("worlds", familywise.WORLDS)
def test_a_false_word_is_rare(truth, worlds):
    """The bounds and four standard errors of so small a simulation; benchmarks/familywise.py is the large one."""
    runs = 1500
    errors = simulate(TRUTHS[truth], worlds, runs)
    for share, bound in zip(errors, (0.05, 0.025 * (len(familywise.BASELINES) + 1)), strict=True):
        assert share <= bound + 4 * math.sqrt(bound * (1 - bound) / runs)


def test_the_simulation_finds_rules_that_go_too_far(monkeypatch):
    monkeypatch.setattr(familywise, "LEVEL", 0.2 / 6)
    assert simulate(TRUTHS["nothing differs"], 8, 500).significant > 0.12
    both = "all differ from both by the margin, baselines uncorrelated"
    assert simulate(TRUTHS[both], 20, 500).no_difference > 0.12


@pytest.mark.parametrize(("effect", "level"), [(0.5, 0.05), (1.0, 0.05), (0.7, LEVEL)])
def test_power_is_how_often_the_test_rejects(effect, level):
    rng = random.Random(0)
    runs, n = 3000, 12
    rejected = 0
    for _ in range(runs):
        sample = summarise([rng.gauss(effect, 1) for _ in range(n)])
        rejected += sample.mean > 0 and sample.p_beyond(0) <= level
    assert rejected / runs == pytest.approx(power(effect, n, level), abs=4 * math.sqrt(0.25 / runs))


@settings(deadline=None)
@given(st.floats(0, 60), st.integers(8, 999), st.sampled_from([0.05, LEVEL, LEVEL / 10]))
def test_power_is_a_probability_and_grows(effect, n, level):
    assert 0 <= power(effect, n, level) <= power(effect, n + 50, level) + 1e-6 <= 1 + 1e-6


@pytest.mark.parametrize("mean", [0.0, 1e-9, 0.3, 5.0, 1e3, 1e9])
def test_the_range_of_an_effect_holds_it_and_is_found_soon(mean):
    low, high = effect_interval(Summary(mean, 1.0, 8), 0.8)
    assert 0 <= low <= max(mean, 0.5) and mean <= high < math.inf


def fill(runs: Path, worlds: int, changes: tuple[str, ...] = (), **figures: float) -> Path:
    """The miniature's claims over so many worlds; every method's figures lie so far above 40 in all evaluations."""
    profile = load_profile("mini", changes).model_dump(mode="json")
    rng = random.Random(0)
    jobs = []
    for seed in range(worlds):
        for method in (name for name, it in profile["methods"].items() if it["objective"] != "untrained"):
            by_evaluation: dict[str, dict[str, float]] = {}
            for claimed in profile["claims"]["primary"].values():
                for name in claimed:
                    evaluation, metric = name.split("/")
                    value = 40 + figures.get(method.replace("-", "_"), 0.0) + rng.gauss(0, 0.5)
                    by_evaluation.setdefault(evaluation, {})[metric] = value
            is_run = [name for name in by_evaluation if "detection" not in name or profile["evaluate"]["detection"]]
            jobs += [write_job(runs, name, method, seed, by_evaluation[name]) for name in is_run]
    profile["seeds"] = list(range(worlds))
    (runs / PLAN_FILE).write_text(json.dumps({"profile": profile, "tables": PLANNED, "jobs": jobs}))
    return runs


GAINS = {"ce_strong_view": 9.0, "no_correction": 4.0, "mopro": 9.1}


@pytest.fixture(scope="module")
def eight(tmp_path_factory) -> Path:
    """Eight worlds, in which the view is the whole gain; tests must not change it."""
    return fill(tmp_path_factory.mktemp("eight"), 8, **GAINS)


def test_the_claims_of_a_profile(eight):
    lines = [line for line in tested.tested(read_results(eight)) if line.figure is None]
    found = {(line.claim, line.comparison.baseline): line.outcome for line in lines}
    assert len(found) == 12
    assert found["accuracy", "ce"].word == "holds" and found["calibration", "ce"].word == "does not hold"
    undecided = [outcome for (_, baseline), outcome in found.items() if baseline == "ce-strong-view"]
    assert {outcome.word for outcome in undecided} <= {"undecided", "no difference"}
    assert all("worlds" in outcome.addition for outcome in undecided if outcome.word == "undecided")
    assert {line.comparison.level for line in lines} == {LEVEL}


def test_an_evaluation_that_is_left_out_is_not_run_and_costs_the_others_nothing(tmp_path):
    lines = tested.tested(read_results(fill(tmp_path, 8, ("evaluate.detection=null",), **GAINS)))
    words = {line.outcome.word for line in lines if line.claim == "detection"}
    assert words == {"not run"}
    assert {line.comparison.level for line in lines if line.figure is None} == {LEVEL}
    tables = {table.name: table for table in tables_of_claims(read_results(tmp_path))}
    assert [row["Difference"] for row in tables["claims"].rows][-2:] == ["not run"] * 2


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


def test_a_run_with_verdicts_of_its_own_is_not_said_to_agree(eight, file):
    results = read_results(eight)
    shipped.ship(results)
    table = next(table for table in tables_of_claims(results) if table.name == "claims")
    assert not any("agrees" in str(row["Shipped"]) for row in table.rows)
    assert any("worlds 0, 1, 2, 3, 4, 5, 6 and 7 " in note and "of commit 0123456789" in note for note in table.notes)


@pytest.mark.parametrize("content", ["{", '{"commits": [], "digest": "", "differences": {"a": {"mean": 1}}}'])
def test_a_damaged_shipped_result_is_named(eight, file, capsys, content):
    file.write_text(content)
    assert main(["tables", str(eight)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {file} is damaged (") and error.count("\n") == 1


def test_claims_of_a_plan_are_checked(tmp_path, capsys):
    fill(tmp_path, 1)
    plan = json.loads((tmp_path / PLAN_FILE).read_text())
    plan["profile"]["claims"]["primary"]["accuracy"] = ["accuracy-webvision/top2"]
    (tmp_path / PLAN_FILE).write_text(json.dumps(plan))
    assert main(["tables", str(tmp_path)]) == 2
    assert "the profile's claims: primary.accuracy.0: no table has a figure 'accuracy-webvision/top2'" in (
        capsys.readouterr().err
    )
