"""The tables that ship, as they are declared and as a plan holds them."""

from dataclasses import asdict

from core.declarations import tables_of
from profiles.registry import EVALUATIONS

TABLES = tables_of(EVALUATIONS)
PLANNED = [asdict(table) for table in TABLES]
DATA = {"webvision": {"webvision-v1": {"title": "WebVision-V1.0"}}}  # of a planned profile, as far as tables ask it
