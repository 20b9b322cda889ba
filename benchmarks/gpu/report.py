"""What is printed: parts with their seconds, tables, and figures that must not differ."""

import gc
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from tabulate import tabulate

from core.errors import InputError


@dataclass(frozen=True)
class Check:
    """A figure that must not differ by more than a tolerance.

    Attributes:
        what: is compared, with what.
        difference: as it was found.
        tolerance: the largest that is right.
    """

    what: str
    difference: float
    tolerance: float

    @property
    def is_met(self) -> bool:
        """Not where the difference is no number."""
        return self.difference <= self.tolerance


class Report:
    """Prints what is measured as it comes, and keeps the titles of the parts that failed."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    @contextmanager
    def part(self, title: str) -> Iterator[None]:
        """A part under its title, and how long it took; what goes wrong in it is said in a sentence, and ends it."""
        print(f"## {title}\n", flush=True)
        began = time.monotonic()
        try:
            yield
        except Exception as error:
            self.failed.append(title)
            what = error.sentence if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            if not isinstance(error, InputError):
                traceback.print_exc()
            print(f"**Failed.** {' '.join(what.split())}\n")
        release_memory()
        print(f"{time.monotonic() - began:.0f} s\n", flush=True)

    def table(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Rows with the same columns."""
        printed = tabulate([dict(row) for row in rows], headers="keys", tablefmt="github", disable_numparse=True)
        print(f"{printed}\n", flush=True)

    def checks(self, checks: Iterable[Check]) -> None:
        """What must not differ, in a table; nothing where there is nothing.

        Raises:
            InputError: something does.
        """
        found = list(checks)
        if not found:
            return
        self.table(
            {
                "what": check.what,
                "difference": f"{check.difference:.2g}",
                "tolerance": f"{check.tolerance:g}",
                "the same": "yes" if check.is_met else "no",
            }
            for check in found
        )
        wrong = [check for check in found if not check.is_met]
        if wrong:
            raise InputError(
                f"{len(wrong)} of {len(found)} differ by more than the tolerance, first of all {wrong[0].what}, by "
                f"{wrong[0].difference:.2g}."
            )


def release_memory() -> None:
    """Give back what nothing refers to any more, so that the next part has the whole card."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
