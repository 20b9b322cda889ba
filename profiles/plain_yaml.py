"""YAML as plain values: what JSON can hold, every key once, nothing that surprises.

Of YAML's types these remain: mappings whose keys are text, lists, text, true and false, null, and finite numbers as
YAML 1.2 writes them (1e-3 is one; yes, 010, 1:30 and 2026-01-01 are text). Anchors and merge keys serve as usual, each
use being a copy of its own, as long as everything together stays small.
"""

import math
import re
from typing import Any

import yaml

LARGEST_FILE = 1 << 20
MOST_VALUES = 20_000
DEEPEST = 40
LARGEST_INTEGER = 1 << 63
PREFIX = "tag:yaml.org,2002:"
MERGE = PREFIX + "merge"


class NotPlainError(Exception):
    """The text is no YAML, or more than plain values; the message is what is wrong, and in which line."""


class _Loader(yaml.CSafeLoader):
    """The composer in C, with the scalars of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {}  # none of YAML 1.1's

for _type, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9_]*)", list("-+0123456789")),
    (
        "float",
        r"[-+]?([0-9][0-9_]*\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(PREFIX + _type, re.compile(f"(?:{_pattern})$"), _first)


def plain_values(text: bytes | str) -> Any:
    """The values of one YAML document; None where there is nothing in it.

    Raises:
        NotPlainError: it is no YAML, or holds anything but plain values.
    """
    if len(text) > LARGEST_FILE:
        raise NotPlainError(f"is larger than {LARGEST_FILE >> 20} MiB, which no profile is")
    try:
        node = yaml.compose(text, _Loader)
    except (yaml.YAMLError, UnicodeError) as error:
        raise NotPlainError(f"is not valid YAML: {' '.join(str(error).split())}") from None
    return None if node is None else _Constructor().value(node, 0)


class _Constructor:
    """From nodes to values; counts them, so that aliases of aliases of aliases end early."""

    def __init__(self) -> None:
        self._count = 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        self._count += 1
        if self._count > MOST_VALUES:
            raise NotPlainError(f"holds more than {MOST_VALUES:,} values, every use of an alias counted: shorten it")
        if depth > DEEPEST:
            raise NotPlainError(f"is nested more than {DEEPEST} levels deep in line {_line(node)}: flatten it")
        if isinstance(node, yaml.MappingNode) and node.tag == PREFIX + "map":
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == PREFIX + "seq":
            return [self.value(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        raise _unknown(node)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag not in (MERGE, PREFIX + "str"):
                shown = repr(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
                raise NotPlainError(
                    f"has the key {shown} in line {_line(key_node)}, which is no text: put it in quotes"
                )
            key = key_node.value
            if key in lines:
                raise NotPlainError(
                    f"has the key {key!r} twice, in line {lines[key]} and in line {_line(key_node)}: drop one"
                )
            lines[key] = _line(key_node)
            value = self.value(value_node, depth + 1)
            if key_node.tag == MERGE:
                merged = _sources(value, key_node)
            else:
                own[key] = value
        return merged | own


def _sources(value: Any, node: yaml.Node) -> dict[str, Any]:
    """What a merge key brings: of several mappings, the first that has a key gives its value."""
    mappings = value if isinstance(value, list) else [value]
    if not all(isinstance(mapping, dict) for mapping in mappings):
        raise NotPlainError(f"merges what is no mapping in line {_line(node)}: name an alias of one")
    merged: dict[str, Any] = {}
    for mapping in mappings:
        merged = mapping | merged
    return merged


def _scalar(node: yaml.ScalarNode) -> Any:
    text = node.value
    match node.tag.removeprefix(PREFIX):
        case "str" | "merge":
            return text
        case "null":
            return None
        case "bool" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "int":
            number = _number(int, node)
            if not -LARGEST_INTEGER <= number < LARGEST_INTEGER:
                raise NotPlainError(f"holds a whole number beyond 64 bits in line {_line(node)}: lower it")
            return number
        case "float":
            real = _number(float, node)
            if not math.isfinite(real):
                raise NotPlainError(f"holds {text} in line {_line(node)}, expected a finite number")
            return real
    raise _unknown(node)


def _number(kind: type, node: yaml.ScalarNode) -> Any:
    text = node.value.replace("_", "")
    if re.fullmatch(r"[-+]?\.(inf|nan)", text.lower()):
        text = text.replace(".", "")
    try:
        return kind(text)
    except ValueError:
        raise NotPlainError(f"holds {node.value[:40]!r} in line {_line(node)}, which is no {kind.__name__}") from None


def _unknown(node: yaml.Node) -> NotPlainError:
    name = node.tag.replace(PREFIX, "!!")
    return NotPlainError(f"has a value tagged {name} in line {_line(node)}, which is none of a profile's: drop the tag")


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
