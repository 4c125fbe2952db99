"""The page of a decision: what a module has to tell, and how that becomes a page, pictures and files of their data."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stress import files
from stress.report import page, sources, style
from stress.report.data import csv_of
from stress.report.format import count
from stress.report.style import Drawn
from stress.report.tables import Table

FILE, PAGE = "decision.json", "report.html"


@dataclass(frozen=True)
class Figure:
    """A picture: the name of its file, its title, and how it came out."""

    name: str
    title: str
    drawn: Drawn


@dataclass(frozen=True)
class Told:
    """What a page says, from top to bottom. Modules of decisions return it from ``tell(found, folder)``."""

    title: str
    question: str  # one sentence
    in_short: list[str]  # the answers, each a sentence with its interval
    figures: list[Figure]
    tables: list[tuple[str, str, Table]] = field(default_factory=list)  # heading, how to read it, rows
    cautions: list[str] = field(default_factory=list)  # what these numbers do not cover


def write_decision_report(folder: Path) -> Path:
    """Write ``report.html``, figures and tables as CSV from ``decision.json``; returns the page."""
    return report_and_lines(folder)[0]


def report_and_lines(folder: Path) -> tuple[Path, list[str]]:
    """As above; the answers in short, too, since drawing takes longer than all else."""
    record = sources.read_json(folder / FILE)
    with style.applied():
        told = _tell(record, folder)
        pictures = [page.place(folder, f.name, f.title, f.drawn, page.DEFAULT_DPI) for f in told.figures]
    for heading, _, table in told.tables:
        files.write_text(folder / "tables" / f"{_file_name(heading)}.csv", as_csv(table))
    return page.render("decision.html.j2", folder / PAGE, told=told, title=told.title, pictures=pictures,
                       facts=_facts(record)), told.in_short


def lines(folder: Path) -> list[str]:
    """The answers in short, where no report is written."""
    with style.applied():
        return _tell(sources.read_json(folder / FILE), folder).in_short


def _tell(record: dict[str, Any], folder: Path) -> Told:
    module = importlib.import_module(f"stress.report.decisions.{record['decision']}")
    return module.tell(record["found"], folder)


def as_csv(table: Table) -> str:
    """A table as CSV."""
    return csv_of(table.rows, table.header)


def _facts(record: dict[str, Any]) -> str:
    about = record["about"]
    return page.listed((", ".join(about["markets"]), f"{count(about['accounts'])} accounts",
                        f"{count(about['paths'])} paths a setting", f"{about['horizon_hours']:g} h",
                        f"seed {about['seed']}", f"configuration {about['config_hash']}",
                        f"version {about['version']}"))


def _file_name(heading: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in heading.lower()).strip("_")
