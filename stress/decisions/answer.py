"""Answer a question and leave the answer as a file."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stress import __version__
from stress.config.schema import Config
from stress.decisions.desk import Desk, setting_name
from stress.errors import UserError
from stress.files import held, read_json, write_json

FILE = "decision.json"
UNREAD = ("report", "calibrate", "limits", "sweep", "debug")
EXECUTION = ("devices", "processes", "process", "coordinator", "resume", "chunk_seconds", "progress", "compile_cache")
"""Sections, and keys of ``run``, that change no answer."""


def answer(name: str, config: Config, container: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Run the decision ``name`` on a configuration; writes ``decision.json`` into ``folder`` and returns it.

    ``config`` is what ``container`` parses to, but for what changes no answer.
    Raises UserError for input that the decision refuses, and for a folder with other work or at work.
    """
    with held(folder):
        return _answer(name, Desk(container, folder, config), folder)


def _answer(name: str, desk: Desk, folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = {"schema": 1, "decision": name, "complete": False, "about": _about(desk)}
    _refuse_other_work(folder, record)
    write_json(folder / FILE, record)
    module = importlib.import_module(f"stress.decisions.{name}")
    try:
        found = module.decide(desk, getattr(desk.config.decide, name))
    except UserError:
        if not {entry.name for entry in folder.iterdir()} - {FILE, ".hydra"}:  # refused before anything was simulated
            (folder / FILE).unlink()
        raise
    record |= {"complete": True, "found": found, "settings": [dict(changes) for changes in desk.done()]}
    write_json(folder / FILE, record)
    return record


def _about(desk: Desk) -> dict[str, Any]:
    study = desk.base
    plan = study.plan
    own = {key: value for key, value in desk.container.items() if key not in UNREAD}
    own["run"] = {key: value for key, value in own["run"].items() if key not in EXECUTION}
    return {"version": __version__, "markets": plan.markets, "accounts": study.book.accounts, "paths": plan.paths,
            "horizon_hours": plan.horizon_hours, "step_seconds": plan.step_seconds, "seed": study.config.run.seed,
            "confidence": plan.confidence, "config_hash": setting_name(own, hold_book=True),
            "provenance": {"price": study.config.price.provenance, "protocol": study.config.protocol.provenance,
                           "liquidity": study.config.liquidity.provenance}}


def _refuse_other_work(folder: Path, record: Mapping[str, Any]) -> None:
    if (folder / "manifest.json").is_file():
        raise UserError(f"{folder}: holds a run, and a decision would take the place of its report. Choose an empty "
                        "folder.")
    if not (folder / FILE).is_file():
        return
    there = _readable(folder / FILE)
    if (there.get("decision"), there.get("about", {}).get("config_hash")) != (
            record["decision"], record["about"]["config_hash"]):
        raise UserError(f"{folder}: holds another decision's work. Choose an empty folder.")


def _readable(file: Path) -> Any:
    """The value of a JSON file that may have been damaged."""
    try:
        return read_json(file)
    except ValueError as error:
        raise UserError(f"{file}: cannot be read ({error}). Choose an empty folder.") from None
