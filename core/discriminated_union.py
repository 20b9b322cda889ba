"""A discriminated union whose models are those that ship, and those in users' files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from core.user_code import is_reference

OWN = "or a class in a file of yours, such as './mine.py:Mine'"


@dataclass(frozen=True)
class DiscriminatedUnion:
    """Metadata of a field whose value names its model by one of its keys.

    Attributes:
        key: that tells the models apart.
        models: those that ship, by its value.
        own: gives the model in a user's file that the key names.
        require: raises InputError for a value of such a model that cannot be used.
    """

    key: str
    models: Mapping[str, type[BaseModel]]
    own: Callable[[str], type[BaseModel]]
    require: Callable[[Any], None]

    def model_of(self, value: Any) -> type[BaseModel]:
        """The model of a value.

        Raises:
            PydanticKnownError: it has no such key, or one that says nothing.
            InputError: the user's file is at fault.
        """
        name = value.get(self.key) if isinstance(value, Mapping) else None
        if name is None:
            raise PydanticKnownError("union_tag_not_found", {"discriminator": f"'{self.key}'"})
        if isinstance(name, str) and name in self.models:
            return self.models[name]
        if is_reference(name):
            return self.own(name)
        known = ", ".join(map(repr, self.models))
        context = {"discriminator": f"'{self.key}'", "tag": str(name), "expected_tags": f"{known}, {OWN}"}
        raise PydanticKnownError("union_tag_invalid", context)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validated(value: Any) -> BaseModel:
            if isinstance(value, BaseModel):
                return value
            model = self.model_of(value)
            found = model.model_validate(value)
            if model not in self.models.values():
                self.require(found)
            return found

        def dumped(value: BaseModel, info: Any) -> dict[str, Any]:
            return value.model_dump(mode=info.mode)

        serialization = core_schema.plain_serializer_function_ser_schema(dumped, info_arg=True)
        return core_schema.no_info_plain_validator_function(validated, serialization=serialization)
