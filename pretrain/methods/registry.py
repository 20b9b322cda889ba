"""The methods that ship, one line each, and a user's own in a file; light to import."""

from inspect import getattr_static
from typing import Annotated, Any, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from core.config import FromList, NotNegative, PositiveNumber, first_misfit
from core.discriminated_union import DiscriminatedUnion
from core.user_code import called, error_in, is_reference, load, place_of
from core.user_models import require_plain_values, require_valid_defaults
from pretrain.methods.cross_entropy.spec import CrossEntropyConfig
from pretrain.methods.method import Method, ViewName
from pretrain.methods.mopro.spec import MoProConfig

METHODS: tuple[type[Method], ...] = (
    CrossEntropyConfig,
    MoProConfig,
)
KINDS: dict[str, Any] = {
    "views": Annotated[FromList[tuple[ViewName, ...]], Field(min_length=1)],
    "relative_cost": PositiveNumber,
    "corrects_labels_from": NotNegative | None,
}
DECLARED: dict[str, TypeAdapter[Any]] = {  # what a method says of itself beside its hyperparameters
    name: TypeAdapter(kind, config=ConfigDict(strict=True)) for name, kind in KINDS.items()
}
BY_OBJECTIVE = {get_args(method.model_fields["objective"].annotation)[0]: method for method in METHODS}


def own_method(reference: str) -> type[Method]:
    """The method in a user's file.

    Raises:
        InputError: the file cannot be used, or what the reference names is no method.
    """
    found = load(reference).value
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise error_in(reference, f"{reference.rpartition(':')[2]} is no subclass of pretrain.methods.method.Method")
    if found.build is Method.build:
        raise error_in(found, f"{found.__name__} has no function build, which gives the module that is trained")
    require_valid_defaults(found)
    return found


def require_declared(method: Method) -> None:
    """Refuse a method of a user's whose values, views or costs cannot be planned with.

    Raises:
        UserCodeError: they cannot.
    """
    require_plain_values(method)
    for name, adapter in DECLARED.items():
        found = called(getattr, method, name, whose=type(method))
        try:
            adapter.validate_python(found)
        except ValidationError as error:
            static = getattr_static(type(method), name)
            definition = next((it for it in (getattr(static, "fget", None), static) if place_of(it)), type(method))
            is_method = f"{name} is a function, expected a property (@property)"
            raise error_in(definition, is_method if callable(found) else first_misfit(error, name)) from None


MethodConfig = Annotated[Method, DiscriminatedUnion("objective", BY_OBJECTIVE, own_method, require_declared)]


def job_values(method: Method) -> tuple[dict[str, Any], dict[str, Any]]:
    """How a job names a method: what determines its result, and the rest of its configuration.

    A user's file is identified by its content, and may lie anywhere.
    """
    hyperparameters = method.hyperparameters()
    if not is_reference(method.objective):
        return {"method": hyperparameters}, {}
    file = load(method.objective)
    hyperparameters["objective"] = f"{file.path.name}:{method.objective.rpartition(':')[2]}"
    return {"method": hyperparameters, "objective_sha256": file.sha256}, {"objective_file": str(file.path)}
