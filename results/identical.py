"""Whether the models of a reproduction are the shipped ones, byte by byte.

``python -m results.identical runs/mini`` writes the digests that are shipped. A model that is the same job's (its
identity says so) and has another digest was trained with other arithmetic: on another kind of processor, or with
another build of torch.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import InputError
from core.files import write_json
from results.plan import Results, read_results

SHIPPED = Path(__file__).parent / "shipped_models.json"
DIGEST = "model_sha256"  # in a record's provenance

Digests = Mapping[str, str]  # a job's identity -> the SHA-256 of its model


def main(arguments: Sequence[str]) -> int:
    """Gives the exit status."""
    if len(arguments) != 1:
        print("error: give the folder of a reproduction, such as runs/mini.", file=sys.stderr)
        return 2
    try:
        results = read_results(Path(arguments[0]))
    except InputError as error:
        print(f"error: {error.sentence}", file=sys.stderr)
        return 2
    if results.missing:
        print(f"error: {arguments[0]} lacks {results.missing[0]}: only a whole run is shipped.", file=sys.stderr)
        return 2
    write_json(SHIPPED, digests_of(results))
    print(f"{SHIPPED}: {len(digests_of(results))} models")
    return 0


def digests_of(results: Results) -> Digests:
    """Those of all models that were trained."""
    records = results.records.values()
    return {record.identity: record.provenance[DIGEST] for record in records if DIGEST in record.provenance}


def read_shipped(path: Path = SHIPPED) -> Digests:
    """The digests that are shipped; none where the file is not there."""
    return json.loads(path.read_text()) if path.exists() else {}


def comparison(here: Digests, shipped: Digests) -> str | None:
    """What can be said of the models here, as a sentence; None where none of them is shipped."""
    common = here.keys() & shipped.keys()
    if not common:
        return None
    identical = sum(here[identity] == shipped[identity] for identity in common)
    counted = f"Models: {identical} of {len(common)} are identical to the shipped run's"
    if identical == len(common):
        return f"{counted}, byte by byte."
    return f"{counted}: another kind of processor or another build of torch, so that figures may agree, no more."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
