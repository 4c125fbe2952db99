"""The documentation as data: its files, fenced blocks, commands and tables."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
NAMES = {page.relative_to(ROOT).as_posix(): page for page in PAGES}

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text(name: str) -> str:
    """A page by its path from the root."""
    return NAMES[name].read_text(encoding="utf-8")


def blocks(page: str, *languages: str) -> list[str]:
    """Contents of the fenced blocks in one of ``languages``."""
    return [body for language, body in _FENCE.findall(page) if language in languages]


def prose(page: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page)


def commands(page: str) -> list[str]:
    """Command lines of the console and shell blocks, continued lines joined."""
    joined = (body.replace("\\\n", " ") for body in blocks(page, "console", "bash", "sh"))
    return [line.strip() for body in joined for line in body.splitlines() if line.strip()]


def tables(page: str) -> list[list[list[str]]]:
    """Tables as rows of cells, header first, the line below it left out."""
    found: list[list[list[str]]] = []
    inside = False
    for line in prose(page).splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            found.append([])
        inside = True
        if not re.fullmatch(r"[|\-: ]+", line):
            found[-1].append([cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def table(page: str, *header: str) -> list[list[str]]:
    """Rows of the one table with this header."""
    (rows,) = [rows for rows in tables(page) if rows[0] == list(header)]
    return rows[1:]


def code(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)
