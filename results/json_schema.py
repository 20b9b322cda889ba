"""The JSON Schema of records as they are written, made from :mod:`results.schema`, docstrings included."""

import inspect
import re
from typing import Any

from pydantic import BaseModel

from results import schema
from results.schema import SCHEMA_VERSION, Part, Record

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SHA256 = "^[0-9a-f]{64}$"


def json_schema() -> dict[str, Any]:
    """The schema of ``record.json``; every field has its meaning, and its unit where it is an amount."""
    made = Record.model_json_schema()
    parts = {it.__name__: it for it in vars(schema).values() if isinstance(it, type) and issubclass(it, Part)}
    for name, part in made["$defs"].items():
        _describe(part, parts[name])
    _describe(made, Record)
    made["properties"] |= {  # as code of this version writes it
        "schema_version": {"const": SCHEMA_VERSION, "description": made["properties"]["schema_version"]["description"]},
        "digest": {"type": "string", "pattern": SHA256, "description": made["properties"]["digest"]["description"]},
    }
    made["required"].append("digest")
    return {"$schema": DIALECT, **made, "title": f"Record, version {SCHEMA_VERSION}"}


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """What a model's docstring says of each field."""
    listed = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", listed, re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()) for name, text in entries}


def _describe(part: dict[str, Any], model: type[BaseModel]) -> None:
    part["description"] = inspect.cleandoc(model.__doc__ or "").partition("\n\n")[0]
    for name, meaning in meanings(model).items():
        found = {key: value for key, value in part["properties"][name].items() if key != "title"}
        part["properties"][name] = found | {"description": meaning}
