"""From figures and tables to one self-contained HTML page."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stress import files
from stress.report import data, style
from stress.report.style import Drawn

TEMPLATES = Path(__file__).parent / "templates"
_EMBEDDED_DPI = 150
"""Pictures inside the page are no finer than this, so that the page stays small whatever ``report.dpi`` is."""
DEFAULT_DPI = 110
"""Where a folder has no config to take ``report.dpi`` from: sweeps, calibrations."""


EMBEDDED_CSV = 48_000
"""Characters; data of no more than this are in the page as well, so that it is enough by itself."""


@dataclass(frozen=True)
class Item:
    """A figure on the page; without ``source`` the caption says why there is none."""

    name: str
    title: str
    caption: str
    source: str = ""
    data_file: str = ""  # beside the page
    data_inside: str = ""  # the same as a data URI; empty where it is large


def place(folder: Path, name: str, title: str, drawn: Drawn, dpi: int) -> Item:
    """Save a figure as ``figures/<name>.png`` and its numbers as ``.csv``, and embed it; call within ``applied()``.

    A figure without data is read back. What an earlier report left is removed when there is nothing to draw.
    """
    picture_file, data_file = (folder / "figures" / f"{name}.{kind}" for kind in ("png", "csv"))
    if drawn.figure is None:
        forget(folder, name)
        return Item(name, title, drawn.caption)
    picture = style.png(drawn.figure, dpi)
    files.write_bytes(picture_file, picture)
    text = data.as_csv(data.read_back(drawn.figure) if drawn.data is None else drawn.data)
    files.write_text(data_file, text)
    embedded = picture if dpi <= _EMBEDDED_DPI else style.png(drawn.figure, _EMBEDDED_DPI)
    return Item(name, title, drawn.caption, _uri("image/png", embedded), f"figures/{data_file.name}",
                _uri("text/csv", text.encode()) if len(text) <= EMBEDDED_CSV else "")


def forget(folder: Path, *names: str) -> None:
    """Remove figures and their data."""
    for name in names:
        for kind in ("png", "csv"):
            (folder / "figures" / f"{name}.{kind}").unlink(missing_ok=True)


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def render(template: str, target: Path, **context: Any) -> Path:
    """Fill a template of the package and write the page; returns ``target``."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    files.write_text(target, environment.get_template(template).render(**context))
    return target


def listed(parts: Iterable[str]) -> str:
    """Facts on one line."""
    return " · ".join(part for part in parts if part)
