"""Whether figures are those that the outputs of the same jobs give."""

from collections.abc import Mapping

from results.audit.case import Case, Verdict
from results.plan import Results
from results.rescore import rescore


def figures_equal_outputs(case: Case, results: Results) -> Verdict:
    """Every figure, computed again from what was kept for every image."""
    rescored = rescore(results, case.folder)
    return Verdict(
        f"{rescored.equal:,} figures of {rescored.records:,} records" if rescored.equal else "",
        rescored.differences,
        [f"{_counted(figures)}, as {reason}" for reason, figures in rescored.not_recomputed.items()],
    )


def _counted(figures: Mapping[str, int]) -> str:
    """How many figures there are of each stage; their names begin with it."""
    by_stage: dict[str, int] = {}
    for name, count in figures.items():
        stage = name.partition(": ")[0]
        by_stage[stage] = by_stage.get(stage, 0) + count
    return f"{sum(by_stage.values()):,} figures ({', '.join(f'{count:,} of {it}' for it, count in by_stage.items())})"
