"""The page of a comparison of runs, from ``compare.json`` and the runs' folders."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from stress import files
from stress.report import page, paired, sources, style
from stress.report.figures import paired_differences, paired_paths
from stress.report.format import is_number
from stress.report.metrics import in_order

COLUMNS = ("estimate", "low", "high", "narrowing", "differing")


def write_paired_report(folder: Path) -> Path:
    """Write ``compare.html``, ``compare.csv`` and figures from ``compare.json``; returns the page."""
    found = sources.read_json(folder / "compare.json")
    others = paired.others_of(found)
    files.write_text(folder / "compare.csv", table_of(others))
    with style.applied():
        drawn = paired_differences.draw(others, paired.SHOWN)
        overview = page.place(folder, "compare", paired_differences.TITLE, drawn, page.DEFAULT_DPI)
        sections = [_section(folder, found, other) for other in others]
    return page.render(
        "paired.html.j2", folder / "compare.html", title="Runs compared, path by path", overview=overview,
        facts=page.listed((f"first run: {found['first']['folder']}", f"{len(others)} more")), sections=sections,
        head=paired.head(others))


def _section(folder: Path, found: dict[str, Any], other: paired.Other) -> dict[str, Any]:
    runs = (found["first"]["folder"], other.found["folder"])
    columns = [sources.read_table(Path(run) / "paths.parquet", lambda name: name == "bad_debt") for run in runs]
    n = other.found["paths"]
    if all(columns):
        drawn = paired_paths.draw(*(c["bad_debt"][:n] for c in columns))
    else:
        drawn = style.Drawn(None, "Not drawn: the folders of the runs are not there any more.")
    return {"name": other.name, "facts": paired.facts(found, other), "points": paired.in_short(found["first"], other),
            "settings": paired.settings(other), "differences": paired.differences(found["first"], other),
            "flips": paired.flips(other), "paths": paired.flipped_paths(other),
            "figure": page.place(folder, f"paths_{other.number}", paired_paths.TITLE, drawn, page.DEFAULT_DPI)}


def table_of(others: list[paired.Other]) -> str:
    """A row a run and metric, as CSV."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["run", "metric", "unit", *(f"difference_{c}" if c in COLUMNS[:3] else c for c in COLUMNS)])
    for other in others:
        for name in in_order(other.found.get("differences", {})):
            row = other.found["differences"][name]
            values = [row.get(c) if is_number(row.get(c)) else "" for c in COLUMNS]
            writer.writerow([other.found["folder"], name, row["unit"], *values])
    return buffer.getvalue()
