"""Compare finished runs with the first of them, and write what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stress.decisions.compare.flips import flips
from stress.decisions.compare.naming import name_of
from stress.decisions.compare.outcomes import Outcomes, read_outcomes
from stress.decisions.compare.pairing import changes, obstacles, shares_market
from stress.errors import UserError
from stress.files import write_json
from stress.mc.estimators.metrics import compare, definitions

FILE = "compare.json"


def compare_runs(folders: Sequence[Path], target: Path) -> dict[str, Any]:
    """Compare the runs in ``folders`` with the first; writes ``compare.json`` into ``target`` and returns it.

    Raises UserError for folders without a run and for runs that cannot be paired, all reasons at once.
    """
    if len(folders) < 2:
        raise UserError("compare: needs at least two folders of finished runs: compare DIR DIR...")
    first, *others = [read_outcomes(folder) for folder in folders]
    refused = {str(run.folder): found for run in others if (found := obstacles(first, run))}
    if refused:
        lines = [f"- {folder}: {reason}" for folder, reasons in refused.items() for reason in reasons]
        raise UserError(f"compare: cannot be paired with {first.folder}:\n" + "\n".join(lines))
    found = {"schema": 1, "first": _about(first), "others": [_against(first, run) for run in others]}
    write_json(target / FILE, found)
    return found


def compare_sweep(folder: Path) -> dict[str, Any] | None:
    """The finished jobs of a sweep against the first of them, into its folder; None where there are no two.

    Jobs that cannot be paired are kept with the reasons.
    """
    jobs = sorted((d for d in folder.iterdir() if d.name.isdecimal()), key=lambda d: int(d.name))
    runs = [run for run in map(_readable, jobs) if run is not None]
    if len(runs) < 2:
        return None
    first, others = runs[0], []
    for run in runs[1:]:
        reasons = obstacles(first, run)
        others.append({**_about(run), "refused": reasons} if reasons else _against(first, run))
    found = {"schema": 1, "first": _about(first), "others": others}
    write_json(folder / FILE, found)
    return found


def _readable(folder: Path) -> Outcomes | None:
    """The run in a job's folder, if it has one that is whole."""
    try:
        return read_outcomes(folder)
    except UserError:
        return None


def _about(run: Outcomes) -> dict[str, Any]:
    return {"folder": str(run.folder), "paths": run.summary["paths"], "metrics": run.summary["metrics"]}


def _against(first: Outcomes, second: Outcomes) -> dict[str, Any]:
    """A run against the first, on the paths that both have."""
    paths = min(first.summary["paths"], second.summary["paths"])
    found, changed = compare(first.first(paths), second.first(paths)), changes(first, second)
    units = {name: d.unit for name, d in definitions(first.columns).items()}
    confidence = float(first.setting("run.confidence"))
    return {
        **_about(second), "paths": paths, "name": name_of(first.asked, second.asked, changed),
        "changes": changed, "same_market": shares_market(changed),
        "differences": {name: {**d.interval.metric(confidence, units[name]), "narrowing": d.narrowing,
                               "differing": d.differing} for name, d in found.items()},
        "flips": flips(first, second, paths),
    }
