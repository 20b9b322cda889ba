"""What became of a comparison: a word, and what is to be added to it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """A verdict.

    Attributes:
        word: such as ``holds`` or ``reproduced``; a mark and a colour stand for it.
        addition: in brackets after it, such as how many seeds would decide; empty where there is nothing to add.
    """

    word: str
    addition: str = ""

    def __str__(self) -> str:
        return f"{self.word} ({self.addition})" if self.addition else self.word
