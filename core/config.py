"""The base of every configuration model."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A validated, immutable set of values; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # built within the one that is asked for
