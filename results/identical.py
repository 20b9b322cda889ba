"""Whether the models of a reproduction are the shipped ones, byte by byte.

``python -m results ship-models`` writes the digests that are shipped. A model that is the same job's (its identity says
so) and has another digest was trained with other arithmetic: on another kind of processor, or with another build of
torch.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from core.errors import InputError
from core.files import write_json
from results.plan import Results

SHIPPED = Path(__file__).parent / "shipped_models.json"
DIGEST = "model_sha256"  # in a record's provenance

Digests = Mapping[str, str]  # a job's identity -> the SHA-256 of its model


def ship_models(results: Results) -> str:
    """Write the digests that are shipped; gives a sentence about them.

    Raises:
        InputError: a job has not run: only a whole run is shipped.
    """
    if results.missing:
        name = results.profile["name"]
        raise InputError(f"Profile {name} lacks {results.missing[0]}, and only a whole run is shipped: run it first.")
    digests = digests_of(results)
    write_json(SHIPPED, digests)
    return f"{len(digests)} models: {SHIPPED}"


def digests_of(results: Results) -> Digests:
    """Those of all models that were trained."""
    records = results.records.values()
    return {record.identity: record.provenance[DIGEST] for record in records if DIGEST in record.provenance}


def read_shipped(path: Path = SHIPPED) -> Digests:
    """The digests that are shipped; none where the file is not there.

    Raises:
        InputError: the file is damaged.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise InputError(f"{path} is damaged: restore it, or remove it.") from None


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
