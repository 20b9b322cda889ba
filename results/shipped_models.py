"""Whether the models of a reproduction are the shipped ones, byte by byte.

``python -m results ship-models`` writes the digests that are shipped. A model that is the same job's (its identity says
so) and has another digest was trained with other arithmetic: on another kind of processor, with another build of torch,
with another number of threads, or by other code.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import InputError
from core.files import write_text
from results.plan import Results
from results.schema import first_fault
from results.shipped import commits_of

SHIPPED_FILE = Path(__file__).with_name("shipped_models.json")
DIGEST = "model_sha256"  # in a record's provenance


class ShippedModels(BaseModel):
    """The content of ``shipped_models.json``.

    Attributes:
        commits: of the code that the records name.
        digests: a job's identity -> the SHA-256 of its model.
    """

    model_config = ConfigDict(extra="forbid")

    commits: list[str]
    digests: dict[str, str]


def ship_models(results: Results) -> str:
    """Write the digests that are shipped; gives a sentence about them.

    Raises:
        InputError: a job has not run, none has trained, or the code of one isn't known: only a whole run of committed
            code is shipped.
    """
    if results.missing:
        name = results.profile["name"]
        raise InputError(f"Profile {name} lacks {results.missing[0]}, and only a whole run is shipped: run it first.")
    if not model_digests(results):
        raise InputError(f"Profile {results.profile['name']} has trained no model: there is nothing to ship.")
    shipped = ShippedModels(commits=commits_of(results), digests=model_digests(results))
    write_text(SHIPPED_FILE, shipped.model_dump_json(indent=1) + "\n")
    return f"{len(shipped.digests)} models: {SHIPPED_FILE}"


def model_digests(results: Results) -> dict[str, str]:
    """Those of all models that were trained, by their jobs' identities."""
    records = results.records.values()
    return {record.identity: record.provenance[DIGEST] for record in records if DIGEST in record.provenance}


def shipped_digests() -> dict[str, str]:
    """The digests that are shipped; none where the file is not there.

    Raises:
        InputError: the file is damaged.
    """
    try:
        return ShippedModels.model_validate_json(SHIPPED_FILE.read_bytes()).digests
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise InputError(f"{SHIPPED_FILE} is damaged ({first_fault(error)}): restore it, or remove it.") from None


def comparison(here: Mapping[str, str], shipped: Mapping[str, str]) -> str | None:
    """What can be said of the models here, as a sentence; None where none of them is shipped."""
    common = here.keys() & shipped.keys()
    if not common:
        return None
    identical = sum(here[identity] == shipped[identity] for identity in common)
    counted = f"Models: {identical} of {len(common)} are identical to the shipped run's"
    if identical == len(common):
        return f"{counted}, byte by byte."
    return (
        f"{counted}: another kind of processor, build of torch, number of threads, or other code, so that figures may "
        "agree, no more."
    )
