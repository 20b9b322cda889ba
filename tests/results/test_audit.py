"""An audit has no objection to what is sound, and names everything else: a mutation or more for each rule."""

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import outputs
from core.files import sha256_of
from core.outputs import encoded
from results.__main__ import main
from results.audit.recipe import differences
from results.audit.rules import RULES
from results.plan import PLAN_FILE
from tests.support import REPOSITORY
from tests.support.fuzzing import fuzz
from tests.support.sound_runs import (
    CODE,
    DIFFERENCE,
    MODEL_FILE,
    OUTPUT_FILE,
    alter,
    record_of,
    write_sound,
)

CE, MOPRO = "pretrain/ce/webvision/seed100", "pretrain/mopro/webvision/seed101"
ACCURACY = "accuracy-imagenet/mopro/webvision/seed100"


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """Tests must not write into it."""
    return write_sound(tmp_path_factory.mktemp("sound") / "mini")


def answers(capsys, place: Path, *options: str) -> tuple[int, dict[str, list[str]], str]:
    """Exit status, the breaches by rule, and all that is printed."""
    status = main(["audit", str(place), *options])
    printed = capsys.readouterr().out
    breaches: dict[str, list[str]] = {}
    for rule, sentence in re.findall(r"^breach +(\S+) +(.*)$", printed, re.MULTILINE):
        breaches.setdefault(rule, []).append(sentence)
    return status, breaches, printed


def test_what_is_sound_is_said_to_be(sound, capsys):
    status, breaches, printed = answers(capsys, sound)
    assert (status, breaches) == (0, {}), printed
    assert {line.split()[1] for line in printed.splitlines() if line.startswith("ok ")} == {rule.name for rule in RULES}
    assert "that of profiles/mini.yaml" in printed and "seeds 100, 101" in printed
    assert "commit 0123456789 with changes, snapshot 5a5a5a5a5a" in printed


def in_plan(change: Callable[[dict], None], seals: bool = True) -> Callable[[Path], None]:
    return lambda runs: alter(runs / PLAN_FILE, change, seals)


def in_record(name: str, change: Callable[[dict], None], seals: bool = True) -> Callable[[Path], None]:
    return lambda runs: alter(record_of(runs, name), change, seals)


def set_in(*keys: str, to: object) -> Callable[[dict], None]:
    """A change of one value."""

    def change(content: dict) -> None:
        for key in keys[:-1]:
            content = content[key]
        assert content[keys[-1]] != to
        content[keys[-1]] = to

    return change


def drop_from_plan(plan: dict) -> None:
    plan["jobs"] = [job for job in plan["jobs"] if job["name"] != ACCURACY]


def swap_seed(record: dict) -> None:
    record["seed"], record["tags"]["seed"], record["config"]["seed"] = 100, "100", 100


def swap_seeds_in_plan(plan: dict) -> None:
    for job in plan["jobs"]:
        if job["name"].startswith("lowshot-voc07/mopro/"):
            job["tags"]["seed"] = {"100": "101", "101": "100"}[job["tags"]["seed"]]


def another_identity(runs: Path) -> None:
    """A configuration that was altered in plan and record alike, as far as they can be."""
    for path, change in (
        (runs / PLAN_FILE, lambda plan: _job(plan, ACCURACY).update(identity="ab" * 32)),
        (record_of(runs, ACCURACY), set_in("identity", to="ab" * 32)),
    ):
        alter(path, change)


def _job(plan: dict, name: str) -> dict:
    return next(job for job in plan["jobs"] if job["name"] == name)


def swap_records(runs: Path) -> None:
    one, other = record_of(runs, CE), record_of(runs, CE.replace("100", "101"))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def same_model(runs: Path) -> None:
    one, other = record_of(runs, MOPRO), record_of(runs, MOPRO.replace("101", "100"))
    shutil.copy(other.with_name(MODEL_FILE), one.with_name(MODEL_FILE))
    digest: list[str] = []
    alter(other, lambda record: digest.append(record["provenance"]["model_sha256"]))
    alter(one, set_in("provenance", "model_sha256", to=digest[0]))


def alter_answers(runs: Path) -> None:
    """One image's answer, and the digest of the output."""
    with np.load(record_of(runs, ACCURACY).parent / OUTPUT_FILE) as columns:
        altered = {name: columns[name] for name in columns.files}
    altered["classes"][0, 0] = altered["label"][0] + (altered["classes"][0, 0] == altered["label"][0])
    put_output(runs, altered)


def put_output(runs: Path, columns: dict) -> None:
    """Other columns, with their digest in the record."""
    path = record_of(runs, ACCURACY).parent / OUTPUT_FILE
    path.write_bytes(encoded(columns))
    named = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    alter(record_of(runs, ACCURACY), lambda record: record["outputs"]["val"].update(named))


def in_file(name: str, figure: str) -> Callable[[Path], None]:
    """Another figure in place of the first one."""

    def change(runs: Path) -> None:
        text, count = re.subn(r"\d+\.\d+", figure, (runs / name).read_text(), count=1)
        assert count
        (runs / name).write_text(text)

    return change


def in_job(name: str, file: str, content: bytes | None) -> Callable[[Path], None]:
    def change(runs: Path) -> None:
        path = record_of(runs, name).parent / file
        path.write_bytes(content) if content is not None else path.unlink()

    return change


MUTATIONS = {  # what is done -> the rule that names it, what is done, and a part of the sentence
    "an altered figure": ("edited", in_record(ACCURACY, set_in("metrics", "top1", "value", to=99.0), False), "edited"),
    "an altered plan": ("edited", in_plan(set_in("profile", "seeds", to=[100]), False), "plan.json was edited"),
    "an altered output": ("edited", in_job(ACCURACY, OUTPUT_FILE, b"0" * 64), f"/{OUTPUT_FILE} is not the one"),
    "an output that is gone": ("edited", in_job(ACCURACY, OUTPUT_FILE, None), f"/{OUTPUT_FILE} cannot be read"),
    "an output elsewhere": (
        "edited",
        in_record(ACCURACY, set_in("outputs", "val", "file", to="../../../../plan.json")),
        "record.json is damaged (outputs.val.file: ",
    ),
    "another model": ("edited", in_job(CE, MODEL_FILE, b"other"), f"/{MODEL_FILE} is not the one"),
    "records of two jobs exchanged": ("edited", swap_records, "is of another job"),
    "a dropped job": ("jobs", lambda runs: shutil.rmtree(record_of(runs, ACCURACY).parent), f"job {ACCURACY} has no"),
    "a job dropped from the plan": ("jobs", in_plan(drop_from_plan), f"The plan lacks the job {ACCURACY}"),
    "another checkpoint": (
        "jobs",
        in_record(ACCURACY, set_in("inputs", "checkpoint", to="ab" * 32)),
        f"record of {ACCURACY} has other inputs",
    ),
    "another commit": (
        "code",
        in_record(CE, set_in("code", 0, "commit", to="fedc" * 10)),
        "5a5a5a5a5a (miniature/seed100 and 92 more); commit fedcfedcfe with changes",
    ),
    "a second code": ("code", in_record(CE, lambda it: it["code"].append(CODE | {"commit": "fedc" * 10})), "2 codes"),
    "the difference is gone": ("code", lambda runs: (runs / DIFFERENCE).unlink(), f"{DIFFERENCE} from the commit"),
    "other images": ("data", in_record(ACCURACY, set_in("data", "val", "names_sha256", to="99")), "has read val of"),
    "resized images": ("data", in_record(ACCURACY, set_in("data", "val", "sample_sha256", to="99")), "has read val of"),
    "a swapped seed": ("seeds", in_record(MOPRO, swap_seed), f"the seed 101 for {MOPRO}, its record 100"),
    "seeds swapped in the plan": ("seeds", in_plan(swap_seeds_in_plan), "The plan has the seed 101 for lowshot-voc07"),
    "one seed twice": ("seeds", in_record(MOPRO, set_in("config", "seed", to=100)), "with the seed 100, and counts as"),
    "one model twice": ("seeds", same_model, f"{MOPRO.replace('101', '100')} and {MOPRO} have one model"),
    "a changed learning rate": (
        "recipe",
        in_record(MOPRO, set_in("config", "schedule", "learning_rate", to=0.2)),
        f"In {MOPRO}, schedule.learning_rate is 0.2, and 0.05 by the plan's profile.",
    ),
    "another identity": ("recipe", another_identity, f"The identity of {ACCURACY} is not that of its configuration."),
    "a wider margin": (
        "recipe",
        in_plan(set_in("profile", "claims", "margin", to=3.0)),
        "claims.margin is 3.0, and 1.0 in profiles/mini.yaml.",
    ),
    "a figure altered under the seal": (
        "figures",
        in_record(ACCURACY, set_in("metrics", "top1", "value", to=99.0)),
        f"{ACCURACY}: top1 is 99.0 in its record, ",
    ),
    "an output altered under the seal": ("figures", alter_answers, f"{ACCURACY}: top1 is "),
    "an output of other columns": (
        "figures",
        lambda runs: put_output(runs, {"a": [1]}),
        "has no such figures (KeyError",
    ),
    "a figure altered in a table": (
        "tables",
        in_file("tables/accuracy.md", "99.99"),
        "In tables/accuracy.md",
    ),
    "a figure altered in a file": (
        "tables",
        in_file("tables/lowshot.csv", "99.99"),
        "In tables/lowshot.csv, a line says ",
    ),
    "a table that is gone": (
        "tables",
        lambda runs: (runs / "tables/claims.tex").unlink(),
        "In tables/claims.tex, nothing is there",
    ),
    "a table too many": ("tables", lambda runs: (runs / "tables/b.md").write_text(""), "no table tables/b.md"),
}
ALSO = {  # other rules that name the same, beside that of the tables, which show what records say
    "an altered output": {"figures"},
    "an output that is gone": {"figures"},
    "seeds swapped in the plan": {"data"},
    "another identity": {"jobs"},
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_what_is_not_sound_is_named(sound, tmp_path, capsys, mutation):
    rule, change, part = MUTATIONS[mutation]
    change(runs := shutil.copytree(sound, tmp_path / "mini"))
    status, breaches, printed = answers(capsys, runs)
    assert status == 1 and any(part in sentence for sentence in breaches[rule]), printed
    assert breaches.keys() - {rule, "tables"} <= ALSO.get(mutation, set()), printed
    assert all(sentence.endswith(".") for sentences in breaches.values() for sentence in sentences)


def test_every_rule_has_a_mutation():
    assert {rule for rule, _, _ in MUTATIONS.values()} == {rule.name for rule in RULES}


def test_every_constant_of_a_run_with_another_recipe_is_named(tmp_path, capsys):
    changes = ("pretrain.schedule.learning_rate=0.1", "evaluate.lowshot_voc07.draws=3", "methods.no-correction=null")
    runs = write_sound(tmp_path / "mini", *changes, "claims=null", "data.imagenet=/elsewhere", "evaluate.workers=3")
    status, breaches, printed = answers(capsys, runs)
    assert status == 1 and breaches == {
        "recipe": [
            'data.imagenet is "/elsewhere", and "imagenet" in profiles/mini.yaml.',  # a part of the world, no place
            "pretrain.schedule.learning_rate is 0.1, and 0.05 in profiles/mini.yaml.",
            "evaluate.lowshot_voc07.draws is 3, and 10 in profiles/mini.yaml.",
        ]
    }
    assert "what profiles/mini.yaml has and this plan has not: methods.no-correction, claims" in printed


def test_another_learning_rate_in_plan_and_records_is_named_by_the_recipe_it_claims(sound, tmp_path, capsys):
    """Whoever writes the paper's value into the plan has records of another one."""
    runs = write_sound(tmp_path / "mini", "pretrain.schedule.learning_rate=0.1")
    alter(runs / PLAN_FILE, set_in("profile", "pretrain", "schedule", "learning_rate", to=0.05))
    _, breaches, _ = answers(capsys, runs)
    assert any("schedule.learning_rate is 0.1, and 0.05 by the plan's profile" in it for it in breaches["recipe"])


def test_a_recipe_can_be_asked_for(sound, capsys):
    status, breaches, _ = answers(capsys, sound, "--recipe", "paper")
    assert status == 1 and "pretrain.schedule.epochs is 28, and 90 in profiles/paper.yaml." in breaches["recipe"]
    assert main(["audit", str(sound), "--recipe", "no-such"]) == 2
    assert "--recipe" in capsys.readouterr().err


def test_places_seeds_and_costs_are_no_recipe():
    known = {"name": "a", "seeds": [0], "data": {"imagenet": "/x"}, "resources": {"pretrain": {"hours": 1, "tasks": 8}}}
    other = {"name": "b", "seeds": [1], "data": {"imagenet": "/y"}, "resources": {"pretrain": {"hours": 2, "tasks": 4}}}
    found = [it for it in differences(other, known) if not it.is_place]
    assert [it.said_with("there") for it in found] == ["resources.pretrain.tasks is 4, and 8 there"]


def test_code_of_the_users_is_not_run(tmp_path, capsys):
    """A plan may name any file: an audit says what it did not look at instead."""
    runs = write_sound(tmp_path / "mini")
    mark = tmp_path / "was-run"
    (tmp_path / "mine.py").write_text(f"open({str(mark)!r}, 'w')\n")
    for section, entry in (
        ("methods", {"objective": f"{tmp_path}/mine.py:Mine"}),
        ("evaluate", {"spec": f"{tmp_path}/mine.py:S"}),
    ):
        alter(runs / PLAN_FILE, set_new("profile", section, "mine", to=entry))
    status, breaches, printed = answers(capsys, runs)
    assert (status, breaches) == (0, {}), printed
    assert "methods.mine, evaluate.mine: it is code of the user's" in printed and not mark.exists()


def set_new(*keys: str, to: object) -> Callable[[dict], None]:
    def change(content: dict) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = to

    return change


def test_what_was_not_checked_is_said(sound, tmp_path, capsys):
    runs = shutil.copytree(sound, tmp_path / "mini")
    shutil.rmtree(runs / "tables")
    record_of(runs, CE).with_name(MODEL_FILE).unlink()
    alter(record_of(runs, ACCURACY), set_in("data", "val", "sample_sha256", to=None))
    alter(runs / PLAN_FILE, set_in("profile", "name", to="my-own"))
    status, breaches, printed = answers(capsys, runs)
    assert (status, breaches) == (0, {}), printed
    for part in (
        "not checked  tables   there are no tables",
        "not checked  edited   1 models, which are not here",
        "not checked  data     the content of the images of 1 jobs",
        "not checked  recipe   the profile my-own, which is none that ships",
    ):
        assert part in printed


def test_of_a_plan_of_which_nothing_is_done_the_jobs_are_named(sound, tmp_path, capsys):
    shutil.copy(sound / PLAN_FILE, tmp_path)
    status, breaches, printed = answers(capsys, tmp_path)
    assert status == 1 and breaches.keys() == {"jobs"}
    assert "The job miniature/seed100 has no record: not started." in breaches["jobs"]
    assert "not checked  code     there is nothing to look at" in printed


def test_a_folder_without_a_plan_is_no_reproduction(tmp_path, capsys):
    assert main(["audit", str(tmp_path)]) == 2
    assert "holds no plan.json" in capsys.readouterr().err


def test_every_rule_is_documented():
    text = (REPOSITORY / "docs/review.md").read_text()
    assert re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE) == [(it.name, it.question) for it in RULES]


def test_fuzz_whatever_plan_and_records_hold_every_rule_answers(sound, tmp_path, capsys):
    """Values of any kind anywhere, under a right seal: an answer or a sentence, never a defect."""
    runs = shutil.copytree(sound, tmp_path / "mini")
    files = [runs / PLAN_FILE, record_of(runs, CE), record_of(runs, ACCURACY)]
    whole = {path: path.read_bytes() for path in files}
    anything = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    anything |= st.lists(anything, max_size=2) | st.dictionaries(st.text(), anything, max_size=2)

    @given(st.sampled_from(files), st.randoms(use_true_random=False), anything)
    def test(path, rng, value):
        alter(path, lambda content: put_anywhere(content, rng, value))
        assert main(["audit", str(runs)]) in (0, 1, 2)
        path.write_bytes(whole[path])
        printed = capsys.readouterr()
        assert "defect" not in printed.err
        assert all(line.startswith(("ok ", "breach ", "not checked ", "8 rules")) for line in printed.out.splitlines())

    fuzz(test)


def put_anywhere(content: dict, rng: random.Random, value: object) -> None:
    while True:
        keys = list(content) if isinstance(content, dict) else range(len(content))
        key = rng.choice([it for it in keys if it != "digest"])
        if not isinstance(content[key], dict | list) or not content[key] or rng.random() < 0.2:
            content[key] = value
            return
        content = content[key]


def test_outputs_that_unpack_to_too_much_are_not_read(sound, monkeypatch, capsys):
    monkeypatch.setattr(outputs, "LARGEST", 1000)
    status, breaches, _ = answers(capsys, sound)
    assert status == 1 and all("cannot be read (it is no file of columns (" in it for it in breaches["figures"])
