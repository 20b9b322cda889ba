"""What a reproduction is put together from, as plain values: whoever adds a part declares it with these."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A function ``run(config, workspace) -> metrics`` that jobs call.

    Attributes:
        id: its name in identities and records; it stays when the code moves.
        code: where the function is found, ``package.module:function``.
    """

    id: str
    code: str
