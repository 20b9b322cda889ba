"""Whether figures that stand side by side rest on one copy of the data; what does not is said under the tables."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from results.plan import Results
from results.provenance import copy_of
from results.schema import DataIdentity

DIGITS = 10  # of a digest in a sentence
Place = tuple[str, str]  # pretraining set and seed


@dataclass
class Copy:
    """Images that some jobs of one kind have read.

    Attributes:
        identity: of the images.
        places: where two methods must have read the same.
        methods: by their titles, with the seeds whose jobs have read them.
    """

    identity: DataIdentity
    places: set[Place] = field(default_factory=set)
    methods: dict[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        readers = "; ".join(f"{title} ({', '.join(sorted(seeds, key=int))})" for title, seeds in self.methods.items())
        names, sample = self.identity.names_sha256, self.identity.sample_sha256
        digests = [f"{what} {digest[:DIGITS]}" for what, digest in (("names", names), ("sample", sample)) if digest]
        described = ", ".join(part for part in (copy_of(self.identity), *digests) if part)
        return f"{described} [seeds of {readers}]"


def differing_copies(results: Results) -> list[str]:
    """A sentence for everything that was measured on copies of the data that differ.

    Two do if what is known of both differs, where two methods have read them for one pretraining set and seed; and if
    their names and labels are the same and their content is not. Each seed of a miniature has images of its own.
    """
    has_worlds = results.profile.get("miniature") is not None
    sentences = []
    for (what, split), copies in _copies(results).items():
        pairs = [pair for pair in combinations(copies, 2) if _differ(*pair, has_worlds)]
        shown = [one for one in copies if any(one in pair for pair in pairs)]
        if shown:
            sentences.append(
                f"Not measured on one copy of the data: {what} has read {split} of different content, "
                f"{'; and '.join(map(str, shown))}."
            )
    return sentences


def _copies(results: Results) -> dict[tuple[str, str], list[Copy]]:
    """What jobs have read, each once, by evaluation and split."""
    found: dict[tuple[str, str], dict[str, Copy]] = {}
    for job, record in results.done:
        if "method" not in job.tags or "seed" not in job.tags:
            continue
        for split, identity in record.data.items():
            alike = found.setdefault((job.tags.get("evaluation", job.kind), split), {})
            copy = alike.setdefault(identity.model_dump_json(), Copy(identity))
            copy.places.add((job.tags.get("set", ""), job.tags["seed"]))
            copy.methods.setdefault(results.title_of(job.tags["method"]), []).append(job.tags["seed"])
    return {place: list(copies.values()) for place, copies in found.items()}


def _differ(one: Copy, other: Copy, has_worlds: bool) -> bool:
    if one.places & other.places:
        return _contradict(one, other, ("images", "names_sha256", "sample_sha256", "sides_sha256", "full_sha256"))
    same_world = not has_worlds or {seed for _, seed in one.places} & {seed for _, seed in other.places}
    names = one.identity.names_sha256
    same_names = names is not None and names == other.identity.names_sha256
    return bool(same_world and same_names) and _contradict(one, other, ("sample_sha256", "full_sha256"))


def _contradict(one: Copy, other: Copy, digests: Iterable[str]) -> bool:
    values = ((getattr(one.identity, name), getattr(other.identity, name)) for name in digests)
    return any(ours is not None and theirs is not None and ours != theirs for ours, theirs in values)
