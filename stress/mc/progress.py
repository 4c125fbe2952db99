"""Progress on a terminal: bar, ETA, paths per second, and the running estimate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Meter(Protocol):
    """What the driver reports to."""

    def __call__(self, done: int, note: str) -> None:
        """``done`` paths are stored; ``note`` is the running estimate."""
        ...


@contextmanager
def progress_bar(total: int, show: bool) -> Iterator[Meter]:
    """A progress bar over ``total`` paths on standard error; silent unless ``show`` and a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} paths"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=not (show and console.is_terminal), transient=True) as bar:
        task = bar.add_task("simulating", total=total, rate="", note="")

        def meter(done: int, note: str) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            bar.update(task, completed=done, rate=f"{done / elapsed:,.0f} paths/s" if elapsed > 0 else "", note=note)

        yield meter


@contextmanager
def counter(total: int, label: str, show: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar over ``total`` things called ``label``, with ETA, on standard error; silent as above."""
    console = Console(stderr=True)
    columns = (TextColumn("[progress.description]{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn(), TextColumn("ETA"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not (show and console.is_terminal), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)
