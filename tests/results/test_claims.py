"""The rules by which claims are decided: pure functions of figures by world."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import familywise
from benchmarks.familywise import TRUTHS, simulate
from results.claim_tables import NOTES_ON_FIGURES
from results.claims import FAMILYWISE, Claim, decide, explained
from results.statistics import Summary, effect_interval, power, summarise

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
