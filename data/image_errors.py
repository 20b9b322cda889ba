"""Why the content of an image file is not taken."""


class ImageContentError(ValueError):
    """The content is damaged, or of a kind that is not read; the message is a clause that says what was found.

    Attributes:
        advice: what to do about it; None where nothing helps but another file.
    """

    def __init__(self, reason: str, advice: str | None = None) -> None:
        super().__init__(reason)
        self.advice = advice
