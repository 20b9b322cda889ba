"""Records and tables as pandas data frames, for notebooks and plots; apart from the tables, which are to start fast."""

from pathlib import Path

import pandas

from core.errors import InputError
from results.long_form import long_form
from results.plan import read_results


def read_frame(runs: Path) -> pandas.DataFrame:
    """One row for every figure of the plan's records in ``runs``.

    Columns: ``job``, ``method``, ``set``, ``evaluation``, ``seed``, ``metric``, ``value``, ``unit``, ``n``, ``spread``.

    Raises:
        InputError: there is no plan in the folder.
    """
    rows = [
        {
            "job": record.name,
            **{tag: record.tags.get(tag) for tag in ("method", "set", "evaluation")},
            "seed": record.seed,
            "metric": name,
            **metric.model_dump(),
        }
        for record in read_results(runs).records
        for name, metric in record.metrics.items()
    ]
    return pandas.DataFrame(rows)


def read_table(runs: Path, name: str) -> pandas.DataFrame:
    """A table in long form, one row a figure; ``claims`` gives one row a claim.

    Columns: ``table``, ``method``, ``set``, ``figure``, ``paper``, ``paper_other`` (where sources disagree),
    ``status``, ``mean``, ``spread``, ``n``, ``low`` and ``high`` (the 95% confidence interval), ``verdict``,
    ``addition`` (such as the seeds that would decide); of claims ``table``, ``set``, ``claim``, ``figure``,
    ``difference``, ``n``, ``low``, ``high``, ``verdict``.

    Raises:
        InputError: there is no plan in the folder, or it has no such table.
    """
    tables = long_form(read_results(runs))
    if name not in tables:
        raise InputError(f"{runs} has no table {name}: choose one of {', '.join(tables)}.")
    return pandas.DataFrame(tables[name])
