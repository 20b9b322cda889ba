"""YAML as plain values: every key once, numbers as YAML 1.2 has them, and nothing that expands without end."""

from pathlib import Path

import pytest

from core.errors import InputError
from profiles.load import load_profile
from profiles.plain_yaml import NotPlainError, plain_values

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", None),
        ("a: 1e-3", {"a": 1e-3}),
        ("a: 1.5e3", {"a": 1500.0}),
        ("a: 2E+2", {"a": 200.0}),
        ("a: -.5", {"a": -0.5}),
        ("a: 1_000", {"a": 1000}),
        ("a: +7", {"a": 7}),
        ("a: 010", {"a": "010"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 2026-01-01", {"a": "2026-01-01"}),
        ("a: [yes, no, on, off, true, False, null, ~]", {"a": ["yes", "no", "on", "off", True, False, None, None]}),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        (
            "a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {<<: [*x, *y]}",
            {"a": {"b": 1}, "c": {"b": 2, "d": 3}, "e": {"b": 1, "d": 3}},
        ),
    ],
)
def test_values(text, values):
    assert plain_values(text) == values
    assert repr(plain_values(text.encode())) == repr(plain_values(text))


def test_every_use_of_an_alias_is_a_copy_of_its_own():
    values = plain_values("a: &x {b: 1}\nc: *x")
    values["a"]["b"] = 2
    assert values["c"] == {"b": 1}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a: [", ["is not valid YAML"]),
        (b"a: \xff", ["is not valid YAML"]),
        ("a: 1\n---\nb: 2", ["is not valid YAML"]),
        ("a: 1\nb: 2\na: 3", ["the key 'a' twice", "line 1", "line 3"]),
        ("x:\n  y: {b: 1,\n    b: 1}", ["the key 'b' twice", "line 2", "line 3"]),
        ("x: &x {c: 1}\ny:\n  <<: *x\n  <<: *x", ["the key '<<' twice", "line 3", "line 4"]),
        ("x: &x {c: 1, 'c': 2}\ny: {<<: *x}", ["the key 'c' twice"]),
        ("a: {1: b}", ["the key '1'", "line 1", "in quotes"]),
        ("true: b", ["the key 'true'", "in quotes"]),
        ("? [a]\n: b", ["a list or mapping"]),
        ("a: .inf", ["holds .inf", "finite"]),
        ("a: -.INF", ["holds -.INF", "finite"]),
        ("a: [.nan]", ["holds .nan", "finite"]),
        ("a: 1e400", ["holds 1e400", "finite"]),
        ("a: 9223372036854775808", ["beyond 64 bits", "line 1"]),
        ("a: " + "9" * 5000, ["line 1"]),
        ("a: !!python/object/apply:os.system [ls]", ["python/object/apply:os.system", "drop the tag"]),
        ("a: !!set {b, c}", ["!!set", "drop the tag"]),
        ("a: !!timestamp 2026-01-01", ["!!timestamp"]),
        ("a: !!int x", ["holds 'x'", "is no int"]),
        ("a: !!float ''", ["is no float"]),
        ("a: !!bool 3", ["!!bool"]),
        ("<<: 3", ["merges what is no mapping", "line 1"]),
        ("a: &a [*a]", ["nested more than 40 levels"]),
        ("a: &a {b: *a}", ["nested more than 40 levels"]),
        ("a: &a {<<: *a}", ["nested more than 40 levels"]),
        ("[" * 100 + "]" * 100, ["nested more than 40 levels"]),
        ("[" * 100_000, ["is not valid YAML"]),
        ("- " * 100_000, ["is not valid YAML"]),
        (BOMB, ["more than 20,000 values"]),
        ("a: " + "x" * (1 << 20), ["larger than 1 MiB"]),
    ],
)
def test_what_is_not_plain_is_named_with_its_line(text, parts):
    with pytest.raises(NotPlainError) as error:
        plain_values(text)
    assert all(part in str(error.value) for part in parts), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["name: a\nname: b\n", BOMB, "seeds: [2026-01-01\n", "a: !!binary aGk=\n"])
def test_a_profile_and_a_site_file_go_through_the_same_gate(tmp_path, text):
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    for arguments in ((str(path),), ("mini", (), path)):
        with pytest.raises(InputError, match=r"lab\.yaml (has|holds|is) "):
            load_profile(*arguments)


def extending(folder: Path, **files: str) -> None:
    for name, extended in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"extends: {extended}\nname: {name.split('__')[-1]}\n")


def test_extends_is_relative_to_the_file_that_holds_it(tmp_path, monkeypatch):
    extending(tmp_path, a__first="second.yaml", a__second="../b/third.yaml", b__third="mini")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    extending(tmp_path, elsewhere__second="none-such")  # beside the command, not beside the file
    profile = load_profile("../a/first.yaml")
    assert profile.name == "first" and profile.methods == load_profile("mini").methods
    extending(tmp_path, b__third="paper.yaml")
    with pytest.raises(InputError, match=r"There is no profile .*b/paper\.yaml, which .*third\.yaml extends"):
        load_profile("../a/first.yaml")


@pytest.mark.parametrize(
    "files", [{"a": "a.yaml"}, {"a": "b.yaml", "b": "c.yaml", "c": "a.yaml"}, {"a": "b.yaml", "b": "../{}/b.yaml"}]
)
def test_a_circle_of_profiles(tmp_path, files):
    extending(tmp_path, **{name: extended.format(tmp_path.name) for name, extended in files.items()})
    with pytest.raises(InputError, match=r"\.yaml extends .*: a circle") as error:
        load_profile(str(tmp_path / "a.yaml"))
    assert "\n" not in error.value.sentence


def test_a_long_chain_is_no_circle(tmp_path):
    extending(tmp_path, **{f"p{number}": f"p{number + 1}.yaml" for number in range(1100)}, p1100="mini")
    assert load_profile(str(tmp_path / "p0.yaml")).name == "p0"


@pytest.mark.parametrize("value", ["3", "[mini]", "{a: b}", "null", "mini\n\n  - over two lines"])
def test_extends_names_a_profile(tmp_path, value):
    (tmp_path / "a.yaml").write_text(f"extends: {value}\n")
    with pytest.raises(InputError, match=r"extends is .*expected a profile") as error:
        load_profile(str(tmp_path / "a.yaml"))
    assert error.value.sentence.isprintable()


@pytest.mark.parametrize("name", ["", ".", "..", "/", "mini/", "../mini", "a\0b", "x" * 300 + ".yaml", "mini.yml"])
def test_what_is_no_profiles_name(name):
    with pytest.raises(InputError) as error:
        load_profile(name)
    assert "\n" not in error.value.sentence


def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "a.yaml").mkdir()
    with pytest.raises(InputError, match="There is no profile"):
        load_profile(str(tmp_path / "a.yaml"))
