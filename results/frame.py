"""Records as a pandas data frame, for notebooks and plots; apart from the tables, which are to start fast."""

from pathlib import Path

import pandas

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
