"""Addresses of figures, such as ``lowshot/voc07/mopro/webvision-v1/k4``: table, evaluation, method, set, metric."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InputError
from results.plan import PlannedJob, Results
from results.tables import Figure, figures


@dataclass(frozen=True)
class Measurement:
    """A figure, and the jobs that measure it, one a seed."""

    figure: Figure
    jobs: Sequence[PlannedJob]

    @property
    def address(self) -> str:
        """Of the figure; unique in a reproduction."""
        return address_of(self.figure)


def address_of(figure: Figure) -> str:
    """Table, evaluation (without the table's name before it), method, set and metric, with slashes between them."""
    column = figure.column
    evaluation = column.evaluation.removeprefix(f"{figure.table.name}-")
    return "/".join((figure.table.name, evaluation, figure.method, figure.training_set, column.metric))


def measurements(results: Results) -> list[Measurement]:
    """Of every figure that the plan measures."""
    jobs: dict[tuple[str, ...], list[PlannedJob]] = {}
    for job in results.jobs:
        if job.figure:
            jobs.setdefault(job.figure[:3], []).append(job)
    return [
        Measurement(figure, jobs[figure.method, figure.training_set, figure.column.evaluation])
        for figure in figures(results)
    ]


def find(address: str, known: Sequence[Measurement]) -> Measurement:
    """The figure of an address.

    Case, and signs such as ``=``, don't matter; neither do the parts' order and parts that are left out, as long as one
    figure alone fits. Parts may be titles as printed in the tables.

    Raises:
        InputError: no figure fits, or several do.
    """
    wanted = [_plain(part) for part in address.strip("/").split("/")]
    exact = [one for one in known if [_plain(part) for part in one.address.split("/")] == wanted]
    fitting = exact or [one for one in known if set(wanted) <= _names(one.figure)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        addresses = [one.address for one in known]
        near = difflib.get_close_matches(address, addresses, n=1, cutoff=0) or ["none, as nothing is planned"]
        raise InputError(f"There is no figure {address}: the nearest is {near[0]}.")
    some = ", ".join(one.address for one in fitting[:3])
    raise InputError(f"{address} fits {len(fitting)} figures ({some}{', ...' if len(fitting) > 3 else ''}): name one.")


def _plain(part: str) -> str:
    return re.sub(r"[^a-z0-9]", "", part.lower())


def _names(figure: Figure) -> set[str]:
    """Everything that a part of the figure's address may be."""
    column = figure.column
    names = (
        *address_of(figure).split("/"),
        column.evaluation,
        column.title,
        figure.method_title,
        figure.set_title,
    )
    return {_plain(name) for name in names}
