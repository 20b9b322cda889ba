"""The rules of an audit, and the answers as text."""

from results.audit.case import Case, Rule, Verdict
from results.audit.code import one_code
from results.audit.data import equal_data
from results.audit.edited import nothing_edited
from results.audit.figures import figures_equal_outputs
from results.audit.jobs import all_jobs
from results.audit.recipe import recipe
from results.audit.seeds import distinct_seeds
from results.audit.tables import tables_equal_records

RULES = (
    Rule("edited", "Are plan, records and what they name as they were written?", nothing_edited),
    Rule("jobs", "Is every job there that plan and profile have, with what it was planned to read?", all_jobs),
    Rule("code", "Did one code compute everything?", one_code),
    Rule("data", "Did all methods read the same data?", equal_data),
    Rule("seeds", "Are runs that count as several, several?", distinct_seeds),
    Rule("recipe", "Is the recipe that of the profile?", recipe),
    Rule("figures", "Are figures those that their outputs give?", figures_equal_outputs),
    Rule("tables", "Do the tables say what the records say?", tables_equal_records),
)
OK, BREACH, NOT_CHECKED = "ok", "breach", "not checked"
LONGEST = max(len(rule.name) for rule in RULES)


def audited(case: Case) -> tuple[str, bool]:
    """The answers, a line for each rule, and whether every rule holds that could be checked.

    A rule has more than one line where more than one thing is wrong, or something was not checked.
    """
    lines, counts, in_part = [], dict.fromkeys((OK, BREACH, NOT_CHECKED), 0), 0
    for rule in RULES:
        answers = _answers(_verdict(rule, case))
        counts[answers[0][0]] += 1
        in_part += answers[-1][0] == NOT_CHECKED != answers[0][0]
        lines += [
            f"{answer:<{len(NOT_CHECKED)}}  {rule.name:<{LONGEST}}  {_in_a_line(text)}" for answer, text in answers
        ]
    parts = [f"{count} {answer}" for answer, count in counts.items() if count]
    parts += [f"{in_part} of them not checked in part"] if in_part else []
    return "\n".join([*lines, f"{len(RULES)} rules: {', '.join(parts)}."]), not counts[BREACH]


def _verdict(rule: Rule, case: Case) -> Verdict:
    if case.results is not None:
        return rule.check(case, case.results)
    if rule.check is nothing_edited:
        return Verdict(breaches=[case.problem])
    return Verdict(unchecked=["the plan cannot be used"])


def _answers(verdict: Verdict) -> list[tuple[str, str]]:
    """What a rule's lines say, the decisive one first."""
    breaches = [(BREACH, sentence) for sentence in verdict.breaches]
    well = [(OK, verdict.found)] if verdict.found and not breaches else []
    unchecked = [(NOT_CHECKED, text) for text in verdict.unchecked]
    return [*breaches, *well, *unchecked] or [(NOT_CHECKED, "there is nothing to look at")]


def _in_a_line(text: str) -> str:
    """What was read from files may hold anything."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
