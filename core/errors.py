"""The one exception that speaks to the user."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one sentence: the file or key, the value found, what was expected, what to do. Whoever catches it
    prints the sentence without a traceback and ends with exit status 2.
    """

    @property
    def sentence(self) -> str:
        """The message alone, also when a data-loading worker has wrapped it into a traceback."""
        return str(self).rsplit("InputError: ", 1)[-1].strip()
