"""The methods that ship, one line each, and a user's own in a file; light to import."""

from typing import Annotated, Any, get_args

from core.discriminated_union import DiscriminatedUnion
from core.user_code import error_in, is_reference, load
from pretrain.methods.cross_entropy.spec import CrossEntropyConfig
from pretrain.methods.method import Method
from pretrain.methods.mopro.spec import MoProConfig

METHODS: tuple[type[Method], ...] = (
    CrossEntropyConfig,
    MoProConfig,
)
BY_OBJECTIVE = {get_args(method.model_fields["objective"].annotation)[0]: method for method in METHODS}


def own_method(reference: str) -> type[Method]:
    """The method in a user's file.

    Raises:
        InputError: the file cannot be used, or what the reference names is no method.
    """
    found = load(reference).value
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise error_in(found, f"{reference.rpartition(':')[2]} is no subclass of pretrain.methods.method.Method")
    if found.build is Method.build:
        raise error_in(found, f"{found.__name__} has no function build, which gives the module that is trained")
    return found


MethodConfig = Annotated[Method, DiscriminatedUnion("objective", BY_OBJECTIVE, own_method)]


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
