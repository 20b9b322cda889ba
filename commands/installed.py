"""The commands of the installed suite, whose packages lie together in one folder.

As packages of their own, their names (``core``, ``data``, ``results``) would meet others' of the same name. So the
folder is on the search path of these commands' processes alone, where :mod:`execution.frozen` finds the whole suite in
it, as in a checkout.
"""

import runpy
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent


def run_all() -> None:
    """What ``python run_all.py`` is in a checkout."""
    sys.path.insert(0, str(HOME))
    runpy.run_path(str(HOME / "run_all.py"), run_name="__main__")


def results() -> None:
    """What ``python -m results`` is in a checkout."""
    sys.path.insert(0, str(HOME))
    runpy.run_module("results", run_name="__main__", alter_sys=True)
