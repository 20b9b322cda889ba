"""What several test modules share: worlds, files, processes, a cluster, and figures measured on the authors' code."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PARITY = Path(__file__).parent / "parity"
