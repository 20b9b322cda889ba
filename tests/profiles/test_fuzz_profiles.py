"""Random damage at random places of a profile: a sentence, or a plan in which everything is valid and finite."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.config import Config
from core.errors import InputError
from data.miniature.config import MiniatureConfig
from execution.jobs import topologically_sorted
from pretrain.config import (
    AccuracyConfig,
    PretrainConfig,
    ReleasedFile,
    UntrainedConfig,
)
from pretrain.methods.mopro.config import CleaningConfig, RetrainingConfig
from profiles.cost import gpu_hours
from profiles.expand import jobs_of
from profiles.load import FOLDER, load_profile
from profiles.plain_yaml import plain_values
from profiles.schema import Profile
from robustness.config import HardImagesConfig, RobustnessConfig
from tests.support.declared import TABLES
from tests.support.fuzzing import fuzz
from transfer.detection.config import DetectionConfig
from transfer.finetuning.config import FinetuneConfig
from transfer.lowshot.config import LowShotConfig, VOC07Config

MODELS: dict[str, type[Config]] = {
    "miniature": MiniatureConfig,
    "accuracy": AccuracyConfig,
    "cleaning": CleaningConfig,
    "released": ReleasedFile,
    "retraining": RetrainingConfig,
    "pretrain": PretrainConfig,
    "untrained": UntrainedConfig,
    "robustness": RobustnessConfig,
    "hard-images": HardImagesConfig,
    "detection": DetectionConfig,
    "finetuning": FinetuneConfig,
    "lowshot-places205": LowShotConfig,
    "lowshot-voc07": VOC07Config,
}
SHOWN = {column.evaluation for table in TABLES for column in table.columns}
INTERMEDIATE = {"pretrain", "released", "retraining", "untrained"}
PROFILES = {name: plain_values((FOLDER / f"{name}.yaml").read_bytes()) for name in ("mini", "paper")}

Place = tuple[str | int, ...]


def places_in(values: Any, above: Place = ()) -> list[Place]:
    inside = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    return [above, *(place for key, value in inside for place in places_in(value, (*above, key)))]


def at(values: Any, place: Place) -> Any:
    for key in place:
        values = values[key]
    return values


NUMBERS = st.one_of(
    st.integers(-3, 40),
    st.sampled_from([2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, -(2**63), 10**400, 10**9, 10**9 + 1]),
    st.floats(),
    st.floats(0, 1),
    st.sampled_from([5e-324, 1e308, -0.0, 1e-3]),
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "..", "a/b", "ce", "CE", "random", "none", "mopro", "x" * 300, "1e-3", "a\nb", "\0", "str"]
    ),
    st.dates().map(str),
)
KEYS = st.one_of(
    TEXTS,
    st.sampled_from(["objective", "classes", "subset", "sbatch", "exclusions", "1pct", "10pct", "2x", "extends", "<<"]),
    st.booleans(),
    st.integers(0, 3),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.dates(), st.binary(max_size=3))
VALUES = st.recursive(
    LEAVES, lambda part: st.one_of(st.lists(part, max_size=4), st.dictionaries(KEYS, part, max_size=3)), max_leaves=6
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A shipped profile's values, with some places changed."""
    name = draw(st.sampled_from(sorted(PROFILES)))
    values = copy.deepcopy(PROFILES[name])
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 4]))):
        place = draw(st.sampled_from([place for place in places_in(values) if place]))
        parent, key = at(values, place[:-1]), place[-1]
        parent[key] = draw(changed(parent[key], values))
        if isinstance(parent, dict) and draw(st.integers(0, 9)) == 0:
            parent[draw(KEYS)] = parent.pop(key)
    return name, values


def changed(value: Any, values: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Something else in a value's place: mostly near to it, else from elsewhere in the profile, or anything."""
    anything = st.one_of(VALUES, st.sampled_from(places_in(values)).map(lambda place: copy.deepcopy(at(values, place))))
    near = near_to(value)
    return anything if near is None else st.integers(0, 3).flatmap(lambda dice: near if dice else anything)


def near_to(value: Any) -> st.SearchStrategy[Any] | None:
    if isinstance(value, bool):
        return st.just(not value)
    if isinstance(value, int | float):
        factors = st.sampled_from([0.25, 0.5, 1, 1.5, 2, 3]).map(lambda factor: type(value)(value * factor))
        return st.one_of(factors, st.integers(-2, 2).map(lambda step: value + step))
    if isinstance(value, list) and value:
        return st.one_of(st.lists(st.sampled_from(value), max_size=5), st.permutations(value))
    if isinstance(value, dict):
        return st.sampled_from([*value, "none"]).map(lambda key: {it: value[it] for it in value if it != key})
    return None


def numbers_in(values: Any) -> list[float]:
    if isinstance(values, dict):
        return [number for part in values.values() for number in numbers_in(part)]
    if isinstance(values, list | tuple):
        return [number for part in values for number in numbers_in(part)]
    return [values] if isinstance(values, int | float) else []


def check(profile: Profile) -> None:
    """The plan expands, and nothing in it would surprise a job."""
    jobs = jobs_of(profile)
    assert topologically_sorted(jobs) == jobs
    assert len({job.name.casefold() for job in jobs}) == len(jobs)
    for job in jobs:
        configuration = json.loads(json.dumps(job.configuration, allow_nan=False))
        MODELS[job.stage.id].model_validate(configuration)
        hours = None if profile.throughput is None else gpu_hours(job, profile.throughput)
        resources = job.resources.model_dump()
        assert all(map(math.isfinite, [*numbers_in([configuration, resources, hours]), job.resources.gpu_hours]))
        assert {".", ".."}.isdisjoint(job.folder(Path()).parts)
        assert job.tags.get("evaluation", "pretrain") in SHOWN | INTERMEDIATE
        assert all(source.path for source in job.reads)
    json.dumps(profile.model_dump(mode="json"), allow_nan=False).encode()


def accepts(*arguments: Any) -> bool:
    """Whether the gate takes it; what it takes is checked, and what it refuses is refused in one sentence."""
    try:
        profile = load_profile(*arguments)
    except InputError as error:
        assert error.sentence.endswith((".", "?")) and error.sentence.isprintable(), error.sentence
        return False
    check(profile)
    return True


@st.composite
def settings(draw: st.DrawFn) -> list[str]:
    """What may stand behind --set: a key of the miniature's profile, or nearly, and a value for it."""
    place = draw(st.sampled_from([place for place in places_in(PROFILES["mini"]) if place]))
    value = draw(changed(at(PROFILES["mini"], place), PROFILES["mini"]))
    text = draw(st.one_of(st.just(yaml.safe_dump(value, default_flow_style=True)), st.text(max_size=20)))
    key = ".".join(map(str, place))
    return draw(st.sampled_from([[f"{key}={text}"], [f"{key}.{text}=1"], [f"{key}={text}", f"{text}={key}"], [key]]))


LINES = (FOLDER / "ablation.yaml").read_text().splitlines() + (FOLDER / "mini.yaml").read_text().splitlines()
LINE = st.one_of(
    st.sampled_from(LINES),
    st.text(alphabet="&*!<>:{}[]-?'\"|%@`#,. \tab01e\n", max_size=20),
    st.text(max_size=10),
)


def test_fuzz_profiles(tmp_path):
    """Through a file that stands alone, one that extends another, lines of text, and --set."""
    path = tmp_path / "lab.yaml"
    accepted = []

    @given(damaged(), settings(), st.lists(LINE, max_size=12))
    def test(values: tuple[str, dict[str, Any]], overrides: list[str], lines: list[str]) -> None:
        name, changed_values = values
        for content in (changed_values, {"extends": name, **changed_values}):
            path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8", errors="replace")
            accepted.append(accepts(str(path)))
        path.write_bytes("\n".join(["extends: mini", *lines]).encode(errors="replace"))
        accepted.append(accepts(str(path)))
        accepted.append(accepts("mini", overrides))

    fuzz(test)
    assert any(accepted) and not all(accepted)
