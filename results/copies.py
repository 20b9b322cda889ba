"""Whether figures that stand side by side rest on one copy of the data; what does not is said under the tables."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from results.plan import Results
from results.provenance import copy_of
from results.schema import DataIdentity

DIGITS = 10  # of a digest in a sentence
DIGESTS = ("images", "names_sha256", "sample_sha256", "sides_sha256", "full_sha256")
DIGESTS_OF_CONTENT = {"sample_sha256", "full_sha256"}
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
        shown = _differing(copies, has_worlds)
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


def _differing(copies: Sequence[Copy], has_worlds: bool) -> list[Copy]:
    """Those that differ from another one: thousands are not compared pair by pair, but sorted by what must agree."""
    digests: dict[Hashable, set[object]] = {}
    for copy in copies:
        for where, digest in _to_agree(copy, has_worlds):
            digests.setdefault(where, set()).add(digest)
    return [copy for copy in copies if any(len(digests[where]) > 1 for where, _ in _to_agree(copy, has_worlds))]


def _to_agree(copy: Copy, has_worlds: bool) -> Iterator[tuple[Hashable, object]]:
    """What is known of a copy, each with a key: another copy with something else by the same key differs from it."""
    known = {name: digest for name in DIGESTS if (digest := getattr(copy.identity, name)) is not None}
    for place in copy.places:
        for name, digest in known.items():
            yield (place, name), digest
    if "names_sha256" in known:
        for world in {seed for _, seed in copy.places} if has_worlds else {None}:
            for name in known.keys() & DIGESTS_OF_CONTENT:
                yield (world, known["names_sha256"], name), known[name]
