"""The rules of an audit, and the answers as text."""

from results.audit.case import Case, Rule, Verdict
from results.audit.code import one_code
from results.audit.data import equal_data
from results.audit.edited import nothing_edited
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
    Rule("tables", "Do the tables say what the records say?", tables_equal_records),
)


def audited(case: Case) -> tuple[str, bool]:
    """The answers, a line for each rule, and whether every rule holds that could be checked.

    A rule has more than one line where more than one thing is wrong, or something was not checked.
    """
    lines, counts = [], dict.fromkeys(("ok", "breach", "not checked"), 0)
    for rule in RULES:
        answers = _answers(_verdict(rule, case))
        counts[answers[0][0]] += 1
        lines += [f"{answer:<11}  {rule.name:<7}  {text}" for answer, text in answers]
    summary = ", ".join(f"{count} {answer}" for answer, count in counts.items() if count)
    return "\n".join([*lines, f"{len(RULES)} rules: {summary}."]), not counts["breach"]


def _verdict(rule: Rule, case: Case) -> Verdict:
    if case.results is not None:
        return rule.check(case, case.results)
    if rule.check is nothing_edited:
        return Verdict(breaches=[case.problem])
    return Verdict(unchecked=["the plan cannot be used"])


def _answers(verdict: Verdict) -> list[tuple[str, str]]:
    """What a rule's lines say, the decisive one first."""
    breaches = [("breach", sentence) for sentence in verdict.breaches]
    well = [("ok", verdict.found)] if verdict.found and not breaches else []
    return [*breaches, *well, *(("not checked", text) for text in verdict.unchecked)]
