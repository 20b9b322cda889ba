"""Methods in a user's own file: from the profile to the exported model, and what a mistake in the file leads to."""

from tests.commands import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
