"""The user's cache folder, by the XDG base directory specification."""

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """Where this project keeps what only saves time; it may not exist yet, and it may not be writable.

    ``XDG_CACHE_HOME`` counts only where it is an absolute path, as the specification says; else ``.cache`` in the
    user's home. None where the user has no home either: never a folder below the working directory.
    """
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = given if os.path.isabs(given) else os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "mopro-reproduction" if os.path.isabs(base) else None
