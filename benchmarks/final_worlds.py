"""``python -m benchmarks.final_worlds COMMIT``: the seeds of the final worlds, which nobody has chosen.

They follow from the hash of the commit that froze the rules and the miniature's constants (docs/results.md says which),
so that whoever froze them could not know the worlds. The first set is that of profiles/claims.yaml, the second that of
profiles/claims-again.yaml.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Sequence

from core.errors import InputError
from core.exit_status import exit_status_of

WORLDS = 20  # of a set
SETS = 2
FIRST, LAST = 1_000, 999_999  # below lie the worlds of development


def seeds_of(commit: str) -> list[list[int]]:
    """Of each set, different seeds from 1,000 to 999,999, in the order in which they are drawn; no two sets share one.

    Args:
        commit: its hash, 40 hexadecimal digits.

    Raises:
        InputError: it is no such hash.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise InputError(f"{commit!a} is no hash of a commit, expected 40 hexadecimal digits, as git rev-parse prints.")
    seeds: dict[int, None] = {}
    draw = 0
    while len(seeds) < SETS * WORLDS:
        digest = hashlib.sha256(f"{commit} {draw}".encode()).digest()
        seeds[FIRST + int.from_bytes(digest[:8]) % (LAST - FIRST + 1)] = None
        draw += 1
    drawn = list(seeds)
    return [drawn[start : start + WORLDS] for start in range(0, len(drawn), WORLDS)]


def main(arguments: Sequence[str]) -> int:
    """Print each set as a profile has it; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.final_worlds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("commit", metavar="COMMIT", help="the full hash of the commit that froze the rules")
    for seeds in seeds_of(parser.parse_args(arguments).commit):
        print(f"seeds: {seeds}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status_of(lambda: main(sys.argv[1:])))
