"""What is wrong with the rows of a file, collected so that a user sees several problems at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from stress.book.sheet import MOST_SHOWN, Sheet
from stress.errors import UserError

Words = str | Callable[[int], str]
"""A text, or how to make it for a row."""


@dataclass
class Problems:
    """Refused cells in the order they were found."""

    shown: list[tuple[str, int, str]] = field(default_factory=list)  # file, line, message
    count: int = 0
    cells: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)  # refused so far by file and column, [rows]

    def refuse(self, sheet: Sheet, bad: np.ndarray, column: str, allowed: Words, fix: Words = "") -> None:
        """Refuse the cells of ``column`` in the rows where ``bad`` [rows], each cell once; see ``raise_any``."""
        before = self.cells.get((sheet.file, column), np.zeros(len(sheet), dtype=bool))
        self.cells[sheet.file, column] = before | bad
        rows = np.flatnonzero(bad & ~before)
        self.count += len(rows)
        for row in rows[:MOST_SHOWN].tolist():
            domain, advice = (words if isinstance(words, str) else words(row) for words in (allowed, fix))
            got = sheet.value(column, row)
            message = f"{sheet.where(row)}, column {column}: got {got!r}, allowed is {domain}. {advice}"
            self.shown.append((sheet.file, int(sheet.place[row]), message.rstrip()))

    def raise_any(self) -> None:
        """UserError with the first few problems by file and line, if there are any."""
        if not self.shown:
            return
        files = list(dict.fromkeys(file for file, _, _ in self.shown))
        self.shown.sort(key=lambda problem: (files.index(problem[0]), problem[1]))
        lines = [message for _, _, message in self.shown[:MOST_SHOWN]]
        if self.count > len(lines):
            lines.append(f"... and {self.count - len(lines)} more.")
        raise UserError("\n".join(lines))
