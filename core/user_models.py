"""Configuration models in users' files, before anything is planned with them."""

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from core.config import Config, first_misfit, misfit, values
from core.user_code import UserCodeError, error_in


def require_valid_defaults(model: type[Config]) -> None:
    """Refuse a model whose own defaults it would not take.

    Raises:
        UserCodeError: there is one, named with its field.
    """
    try:
        model.model_validate({})
    except ValidationError as error:
        for wrong in error.errors(include_url=False):
            if wrong["loc"] and wrong["type"] != "missing":
                raise error_in(model, f"the default of {misfit(wrong)}") from None
    except Exception:  # a validator that cannot do without values: it will be asked again with some
        pass


def require_plain_values(config: Config) -> None:
    """Refuse values that are others once JSON has held them, as a plan does, and the configuration of a job.

    Raises:
        UserCodeError: there is such a value, named with its field.
    """
    try:
        again = type(config).model_validate(values(config))
    except PydanticSerializationError as error:
        raise _unplain(config, str(error)) from None
    except ValidationError as error:
        raise _unplain(config, first_misfit(error)) from None
    for name in type(config).model_fields:
        if getattr(again, name) != getattr(config, name):
            raise _unplain(config, f"{name} {getattr(config, name)!r} becomes {getattr(again, name)!r}")


def _unplain(config: Config, found: str) -> UserCodeError:
    return error_in(type(config), f"its values do not survive JSON, where a plan holds them ({found})")
