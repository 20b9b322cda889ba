"""The tables of the claims: the means that they are about, their single figures, and what the gain comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from core.errors import InputError
from results.claims import CONFIDENCE_IN_EFFECT, FAMILYWISE, WANTED_POWER, WORLDS_FOR_A_VERDICT, Comparison
from results.claims_section import Claims
from results.definitions import CLAIMS, GAIN, NOT_RUN, SET, SINGLE_FIGURES
from results.gain import Step, in_words, steps_of_gain
from results.outcome import Outcome
from results.plan import Results
from results.rendered import Rendered
from results.shipped import Shipped, agrees, read_shipped
from results.tested import Line, tested, worlds_of

Row = dict[str, str | Outcome]
VERDICT = "Verdict"


@dataclass(frozen=True)
class ClaimTable:
    """A table of claims: rows with the same headers, and what is said about it."""

    name: str
    title: str
    rows: Sequence[Row]
    notes: tuple[str, ...]

    @property
    def rendered(self) -> Rendered:
        """With words in place of outcomes."""
        cells = [{header: str(cell) for header, cell in row.items()} for row in self.rows]
        return Rendered(self.name, self.title, cells, self.notes)


def tables_of_claims(results: Results) -> list[ClaimTable]:
    """All of them; none where the profile claims nothing, or the plan has nothing to compare."""
    if results.claims is None:
        return []
    lines, steps, known = tested(results), steps_of_gain(results), read_shipped(results)
    is_shipped = known is not None and list(map(str, known.worlds)) == worlds_of(results)
    shipped = None if is_shipped else known  # nothing stands beside itself
    means, figures = ([line for line in lines if (line.figure is not None) is single] for single in (False, True))
    tables = [
        ClaimTable(
            CLAIMS,
            "The claims, tested",
            [_row_of_mean(line, shipped, len(lines)) for line in means],
            (
                *_notes_on_claims(results.claims),
                THIS_IS_SHIPPED if is_shipped else _note_on_shipped(shipped),
                *(NOTE_ON_WORLDS if results.profile.get("miniature") else ()),
                *(
                    NOTE_ON_UNMEASURED
                    if any(it.outcome.word == NOT_RUN and it.outcome.addition for it in means)
                    else ()
                ),
            ),
        ),
        ClaimTable(
            SINGLE_FIGURES,
            "The single figures of the claims",
            _rows_of_figures(figures, shipped, len(lines)),
            NOTES_ON_FIGURES,
        ),
        ClaimTable(GAIN, "What the gain comes from", _rows_of_steps(steps), (in_words(steps), *NOTES_ON_GAIN)),
    ]
    return [table for table in tables if table.rows]


def summary(results: Results) -> str:
    """The claims as Markdown, one a row and one baseline a column, with the words in the baselines' order.

    Raises:
        InputError: nothing is claimed.
    """
    lines = [line for line in tested(results) if line.figure is None]
    if not lines:
        raise InputError(f"Profile {results.profile['name']} claims nothing: run one that has a section claims.")
    several = len({line.training_set for line in lines}) > 1
    rows: dict[tuple[str, str], dict[str, str]] = {}
    words: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        of = line.training_set, line.claim
        row = rows.setdefault(of, {"Mean of": _mean_of(line), **({SET: line.set_title} if several else {})})
        row[" − ".join(line.titles)] = _with_interval(line.comparison)
        words.setdefault(of, []).append(str(line.outcome))
    cells = [{**row, VERDICT: "; ".join(words[of])} for of, row in rows.items()]
    return tabulate(cells, headers="keys", tablefmt="github", disable_numparse=True)


THIS_IS_SHIPPED = "This is the result that comes with the code, beside which others are set."
NOTE_ON_WORLDS = ("All worlds are drawn from the same few pictures: the words are about redraws from these.",)
NOTE_ON_UNMEASURED = (
    "What the profile does not measure decides no claim, however many seeds are run: claims.primary names the figures "
    "of each.",
)
NOTES_ON_FIGURES = (
    "Difference: mean over worlds (their number), in points. A figure is tested once its claim was rejected against "
    "all baselines, at the claim's level: with the larger of the baselines' p-values, and Holm's correction. Intervals "
    "are simultaneous over the figures of a claim and over the claims, against one baseline.",
    "The word follows Holm's procedure, the interval Bonferroni's, which is wider: a figure can hold, or not hold, "
    "beside an interval that contains 0.",
)
NOTES_ON_GAIN = (
    "The difference that each step makes to the mean of a claim's figures, in points, over worlds (their number) and "
    "paired by world; the intervals are simultaneous (95%) over this table.",
    "A step may change more than one thing: noise correction both corrects labels and removes images out of "
    "distribution; MoPro without it has the instance loss and the prototypes, and classifies the weak view again.",
)


def _notes_on_claims(section: Claims) -> tuple[str, ...]:
    return (
        "Each claim is about the unweighted mean of its figures. Difference: mean over worlds, paired by world, in "
        "points. A world is what a seed draws.",
        f"The claims share {100 * FAMILYWISE:g}% (two-sided, Student's t). Each is tested against its first baseline, "
        "and against the next one once that was rejected. Intervals are simultaneous over the claims, against one "
        "baseline.",
        "Holds, does not hold: significant, one way or the other. No difference: the interval lies within "
        f"{section.margin:g} of 0. Undecided: with the worlds needed for {100 * WANTED_POWER:g}% power, and the "
        f"{100 * CONFIDENCE_IN_EFFECT:g}% range of that number. Fewer than {WORLDS_FOR_A_VERDICT} worlds have no "
        "verdict.",
    )


def _note_on_shipped(shipped: Shipped | None) -> str:
    if shipped is None:
        return "No result is shipped of this profile as it is, so that there is none to agree with."
    return (
        f"Shipped: the result of worlds {_list(shipped.worlds)} that comes with the code, of commit "
        f"{', '.join(commit[:10] for commit in shipped.commits)}. A run of fewer than {WORLDS_FOR_A_VERDICT} worlds "
        f"agrees if its mean lies where one of so many worlds would ({100 * FAMILYWISE:g}% over all that is shown)."
    )


def _list(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds[:-1])) + f" and {seeds[-1]}"


def _row_of_mean(line: Line, shipped: Shipped | None, shown: int) -> Row:
    difference = line.comparison.difference
    return {
        "Claim": line.title,
        SET: line.set_title,
        "Difference": f"{difference.mean:+.2f}" if difference else NOT_RUN,
        "Interval": _interval(line.comparison.interval),
        "Worlds": str(difference.n if difference else 0),
        **({"Shipped": _shipped(line, shipped, shown)} if shipped else {}),
        VERDICT: line.outcome,
    }


def _rows_of_figures(lines: Sequence[Line], shipped: Shipped | None, shown: int) -> list[Row]:
    """One figure of one method a row, one baseline a column, or two; empty where it is another method's."""
    rows: dict[tuple[str, str, str], Row] = {}
    for line in lines:
        row = rows.setdefault(
            (line.training_set, line.better, line.about),
            {"Figure": line.about, SET: line.set_title},
        )
        versus = " − ".join(line.titles)
        row[versus] = _with_worlds(line.comparison)
        if shipped:
            row[f"{versus}, shipped"] = _shipped(line, shipped, shown)
        row[VERDICT] = line.outcome
    headers = dict.fromkeys(header for row in rows.values() for header in row if header != VERDICT)
    return [{header: row.get(header, "") for header in (*headers, VERDICT)} for row in rows.values()]


def _shipped(line: Line, shipped: Shipped, shown: int) -> str:
    """What was shipped, and whether this run agrees."""
    known, difference = shipped.differences.get(line.key), line.comparison.difference
    if known is None:
        return "unknown"
    word = ""
    if difference is not None and difference.n < WORLDS_FOR_A_VERDICT:  # more have a verdict of their own
        word = ", agrees" if agrees(difference, known, shown) else ", differs"
    return f"{known.mean:+.2f} {_interval(known.interval(line.comparison.level))} ({known.worlds}){word}"


def _rows_of_steps(steps: Sequence[Step]) -> list[Row]:
    """One claim a row, one step a column."""
    rows: dict[tuple[str, str], Row] = {}
    for step in steps:
        row = rows.setdefault(
            (step.training_set, step.claim),
            {"Mean of": _mean_of(step), SET: step.set_title},
        )
        row[step.title] = _with_worlds(step.comparison)
    return list(rows.values())


def _mean_of(it: Step | Line) -> str:
    return f"{it.claim}, lower is better" if it.lower_is_better else it.claim


def _with_worlds(comparison: Comparison) -> str:
    difference = comparison.difference
    return f"{_with_interval(comparison)} ({difference.n})" if difference else NOT_RUN


def _with_interval(comparison: Comparison) -> str:
    difference = comparison.difference
    return f"{difference.mean:+.2f} {_interval(comparison.interval)}".rstrip() if difference else NOT_RUN


def _interval(ends: tuple[float, float] | None) -> str:
    return f"[{ends[0]:+.2f}, {ends[1]:+.2f}]" if ends else ""
