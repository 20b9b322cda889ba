"""Models against shipped ones, byte by byte; and one training that every processor with AVX2 must repeat."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError
from core.instructions import missing_flags, variables_of
from execution.frozen import REPOSITORY
from execution.jobs import topologically_sorted
from results import shipped_models
from results.shipped_models import comparison, ship_models, shipped_digests
from tests.support.part_runs import planned_of, write_part

TRAINED = {"model_sha256": "5e" * 32}
GOLDEN = REPOSITORY / "tests/results/golden/model.json"
PROGRAM = """
import json, sys
from pathlib import Path
import torch
from core.workspace import Workspace
from pretrain import pretraining
from tests.pretrain.test_pretraining import CONFIG
torch.set_num_threads(1)
place = Workspace(Path(sys.argv[2]), {"data": Path(sys.argv[1])})
pretraining.run(CONFIG.model_dump(mode="json"), place)
print(json.dumps({"model": place.provenance["model_sha256"]}))
"""


@pytest.mark.parametrize(
    ("here", "shipped", "said"),
    [
        ({"a": "1", "b": "2"}, {"a": "1", "b": "2", "c": "3"}, "Models: 2 of 2 are identical"),
        ({"a": "1", "b": "2"}, {"a": "1", "b": "3"}, "Models: 1 of 2 are identical to the shipped run's: another kind"),
        ({"a": "1"}, {"b": "1"}, None),
        ({}, {}, None),
    ],
)
def test_what_is_said_of_models(here, shipped, said):
    found = comparison(here, shipped)
    assert found is None if said is None else found.startswith(said)


@pytest.mark.skipif(bool(missing_flags("avx2")), reason="a processor without AVX2 computes otherwise")
def test_a_small_training_gives_the_very_same_model_on_every_processor(miniature, tmp_path):
    """Held to AVX2. Another torch may give another model: then the golden file is to be written anew."""
    found = trained(miniature, tmp_path / "held", variables_of("avx2"))
    expected = json.loads(GOLDEN.read_text())
    assert found == expected, f"{GOLDEN.name}: {json.dumps(found)}"


def trained(data: Path, folder: Path, variables: dict[str, str]) -> dict[str, str]:
    """The digest of the model of a short run, in a process of its own."""
    folder.mkdir()
    line = [sys.executable, "-c", PROGRAM, str(data), str(folder)]
    run = subprocess.run(line, cwd=REPOSITORY, env=os.environ | variables, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_only_a_whole_run_of_committed_code_ships_the_digests_of_its_models(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped_models, "SHIPPED_FILE", tmp_path / "shipped.json")
    jobs = planned_of("mini")[:3]
    with pytest.raises(InputError, match="only a whole run is shipped"):
        ship_models(write_part(tmp_path / "part", jobs, {jobs[0].name}, "claims"))
    whole = write_part(tmp_path / "whole", jobs, {job.name for job in topologically_sorted(jobs)}, "claims")
    name, record = next(iter(whole.records.items()))
    code = [it.model_copy(update={"differs": True}) for it in record.code]
    with pytest.raises(InputError, match="are of code that no commit names"):
        ship_models(
            replace(
                whole, records=whole.records | {name: record.model_copy(update={"code": code, "provenance": TRAINED})}
            )
        )
    with pytest.raises(InputError, match="has trained no model: there is nothing to ship"):
        ship_models(whole)
    assert shipped_digests() == {}
    trained = record.model_copy(update={"provenance": TRAINED})
    assert ship_models(replace(whole, records=whole.records | {name: trained})).startswith("1 models: ")
    assert shipped_digests() == {record.identity: "5e" * 32}


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"commits": [], "digests": {"a": 3}}'])
def test_damaged_digests_are_named(tmp_path, monkeypatch, content):
    monkeypatch.setattr(shipped_models, "SHIPPED_FILE", tmp_path / "shipped.json")
    (tmp_path / "shipped.json").write_text(content)
    with pytest.raises(InputError, match=r"shipped\.json is damaged \(.*\): restore it, or remove it"):
        shipped_digests()
