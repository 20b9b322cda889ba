"""The tables that ship, as they are declared and as a plan holds them."""

from dataclasses import asdict

from core.declarations import tables_of
from profiles.registry import EVALUATIONS

TABLES = tables_of(EVALUATIONS)
PLANNED = [asdict(table) for table in TABLES]
