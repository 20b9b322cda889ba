"""Records and tables as pandas data frames, for notebooks and plots; apart from the tables, which are to start fast."""

from pathlib import Path

import pandas

from core.errors import InputError
from results.long_form import long_form
from results.plan import read_results

NOT_COUNTED = {"fitted": None, "not_converged": None}


def read_frame(runs: Path) -> pandas.DataFrame:
    """One row for every figure of the plan's records in ``runs``.

    Columns: ``job``, ``method``, ``set``, ``evaluation``, ``seed``, ``metric``, ``value``, ``unit``, ``n``, ``spread``,
    and of the classifiers behind it how many were ``fitted`` and how many ``not_converged``.

    Raises:
        InputError: there is no plan in the folder.
    """
    rows = [
        {
            "job": job.name,
            **{tag: job.tags.get(tag) for tag in ("method", "set", "evaluation")},
            "seed": int(job.tags["seed"]) if "seed" in job.tags else None,
            "metric": name,
            **metric.model_dump(exclude={"convergence"}),
            **(metric.convergence.model_dump() if metric.convergence else NOT_COUNTED),
        }
        for job, record in read_results(runs).done
        for name, metric in record.metrics.items()
    ]
    return pandas.DataFrame(rows)


def read_table(runs: Path, name: str) -> pandas.DataFrame:
    """A table in long form, one row a figure; ``claims``, ``single-figures`` and ``gain``: one row a comparison.

    Columns: ``table``, ``method``, ``set``, ``figure``, ``paper``, ``paper_other`` (where sources disagree),
    ``status``, ``mean``, ``spread``, ``n``, ``low`` and ``high`` (the 95% confidence interval over seeds),
    ``images_low`` and ``images_high`` (that of a single seed over images), ``verdict``,
    ``addition`` (such as the seeds that would decide), ``fitted`` and ``not_converged`` (of the classifiers behind the
    figure, over all seeds). Of comparisons ``claim``, ``figure`` (of single figures), ``method`` minus ``baseline``,
    ``set``, ``difference``, ``n``, ``low``, ``high``, ``level`` (of test and interval), the ``shipped`` difference with
    its interval and worlds (not of the gain), ``verdict``, ``addition``.

    Raises:
        InputError: there is no plan in the folder, or it has no such table.
    """
    tables = long_form(read_results(runs))
    if name not in tables:
        known = f"choose one of {', '.join(tables)}" if tables else "its plan measures nothing"
        raise InputError(f"{runs} has no table {name}: {known}.")
    return pandas.DataFrame(tables[name])
