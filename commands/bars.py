"""Bars for what takes long, on a terminal."""


class Bars:
    """One for each thing that is worked on; a context manager.

    Args:
        unit: what is counted, in the plural.
    """

    def __init__(self, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

        console = Console()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            auto_refresh=False,  # no thread beside this one, which forks
            disable=not console.is_terminal,
        )
        self._of: dict[str, TaskID] = {}

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Move the bar of a thing."""
        if what not in self._of:
            self._of[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._of[what], completed=done, refresh=True)
