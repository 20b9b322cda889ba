"""The verification of one data set: inspected, decoded, written down; goes on where an interrupted one stopped."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.files import write_json, written_atomically
from data.identity import NO_IMAGE, digest_after
from data.images import ImageTable
from data.verification.decoding import decoded_images, sampled_rows
from data.verification.inspection import DataSet, Split, count_fault

SECONDS_BETWEEN_WRITES = 2.0

Progress = Callable[[str, int, int], None]  # what, done, total


@dataclass(frozen=True)
class Verifier:
    """How data sets are verified, and where that is written down.

    Attributes:
        folder: receives ``<set>.json``, and ``<set>.broken.txt`` where training images are broken.
        sample: how many images of each split are decoded, drawn at random; None for all.
        processes: that decode side by side.
        progress: told about decoded images.
    """

    folder: Path
    sample: int | None
    processes: int
    progress: Progress

    def verify(self, data_set: DataSet) -> dict[str, Any]:
        """The report of one data set, as it is written to its file.

        It holds for each split how many images were found, expected and decoded, the bytes of the decoded ones, and the
        fingerprint that records carry; where all were decoded, the digest of all; every fault in a sentence; every
        broken image with its split and path; name, length and SHA-256 of the list of broken training images, None where
        there is none.
        """
        path = self.folder / f"{data_set.name}.json"
        report: dict[str, Any] = {"set": data_set.name, "full": self.sample is None, "splits": {}}
        faults: list[str] = []
        broken: list[dict[str, str]] = []
        for split in data_set.splits:
            inspection = split.inspect()
            name = f"{data_set.name} {split.name}"
            found = [*inspection.faults, *count_fault(name, inspection, split.expected)]
            faults += [fault for fault in found if fault not in faults]  # a missing folder is missing for every split
            entry: dict[str, Any] = {"images": inspection.count, "expected": split.expected, "decoded": 0, "broken": 0}
            if inspection.images is not None:
                entry["fingerprint"] = inspection.images.fingerprint()
                state = self._decode(data_set, split, inspection.images, entry["fingerprint"])
                of_split = state["broken"]
                entry |= {"decoded": state["done"], "bytes": state["bytes"], "broken": len(of_split)}
                if state["done"] == len(inspection.images):
                    entry["full_sha256"] = state["sha256"]
                faults += [one["reason"] for one in of_split]
                broken += [{"split": split.name, **one} for one in of_split]
            report["splits"][split.name] = entry
        listed = self._list_broken(data_set, [one["path"] for one in broken if one["split"] == "train"])
        report |= {"faults": faults, "broken": broken, "broken_list": listed}
        write_json(path, report)
        for split in data_set.splits:
            self._partial(data_set, split).unlink(missing_ok=True)
        return report

    def broken_list(self, name: str) -> Path:
        """The list of a set's broken training images, as a list of exclusions has it; not there if there are none."""
        return self.folder / f"{name}.broken.txt"

    def _list_broken(self, data_set: DataSet, paths: list[str]) -> dict[str, Any] | None:
        listed = self.broken_list(data_set.name)
        if not paths:
            listed.unlink(missing_ok=True)
            return None
        content = b"".join(f"{path}\n".encode(errors="surrogateescape") for path in paths)  # bytes, of any encoding
        with written_atomically(listed) as file:
            file.write(content)
        return {"file": listed.name, "images": len(paths), "sha256": hashlib.sha256(content).hexdigest()}

    def _partial(self, data_set: DataSet, split: Split) -> Path:
        return self.folder / f"{data_set.name}.{split.name}.partial"

    def _decode(self, data_set: DataSet, split: Split, images: ImageTable, fingerprint: Any) -> dict[str, Any]:
        """What came of decoding the split: how many images were, their bytes and digest, and the broken ones.

        What an interrupted call has done is not done again.
        """
        rows = sampled_rows(len(images), self.sample)
        path = self._partial(data_set, split)
        state: dict[str, Any] = {"fingerprint": fingerprint, "rows": len(rows), "done": 0, "bytes": 0}
        state |= {"sha256": NO_IMAGE, "broken": []}
        saved = json.loads(path.read_text()) if path.exists() else {}
        if saved.keys() == state.keys() and all(saved[key] == state[key] for key in ("fingerprint", "rows")):
            state = saved
        name, written = f"{data_set.name} {split.name}", time.monotonic()
        for decoded in decoded_images(images, rows[state["done"] :], self.processes):
            state["sha256"] = digest_after(state["sha256"], decoded.digests)
            state["done"] += len(decoded.digests)
            state["bytes"] += decoded.bytes
            state["broken"] += [
                {"path": images.paths[row].decode(errors="surrogateescape"), "reason": reason}
                for row, reason in decoded.broken
            ]
            self.progress(name, state["done"], len(rows))
            if time.monotonic() - written > SECONDS_BETWEEN_WRITES:
                write_json(path, state)
                written = time.monotonic()
        write_json(path, state)
        return state
