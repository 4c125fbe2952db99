"""From figures and tables to one self-contained HTML page."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stress import files
from stress.report import style
from stress.report.style import Drawn

TEMPLATES = Path(__file__).parent / "templates"
_EMBEDDED_DPI = 150
"""Pictures inside the page are no finer than this, so that the page stays small whatever ``report.dpi`` is."""
DEFAULT_DPI = 110
"""Where a folder has no config to take ``report.dpi`` from: sweeps, calibrations."""


@dataclass(frozen=True)
class Item:
    """A figure on the page; without ``source`` the caption says why there is none."""

    title: str
    caption: str
    source: str = ""


def place(folder: Path, name: str, title: str, drawn: Drawn, dpi: int) -> Item:
    """Save a figure as ``figures/<name>.png`` and embed it; call within ``style.applied()``.

    A stale picture of an earlier report is removed when there is nothing to draw.
    """
    target = folder / "figures" / f"{name}.png"
    if drawn.figure is None:
        target.unlink(missing_ok=True)
        return Item(title, drawn.caption)
    picture = style.png(drawn.figure, dpi)
    files.write_bytes(target, picture)
    embedded = picture if dpi <= _EMBEDDED_DPI else style.png(drawn.figure, _EMBEDDED_DPI)
    return Item(title, drawn.caption, f"data:image/png;base64,{base64.b64encode(embedded).decode('ascii')}")


def render(template: str, target: Path, **context: Any) -> Path:
    """Fill a template of the package and write the page; returns ``target``."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    files.write_text(target, environment.get_template(template).render(**context))
    return target


def listed(parts: Iterable[str]) -> str:
    """Facts on one line."""
    return " · ".join(part for part in parts if part)
