"""The fund by horizon: each a setting of its own, on the same market paths, of which it sees a longer beginning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stress.config.decide.fund import FundConfig
from stress.decisions.desk import Desk
from stress.decisions.fund.targets import required
from stress.errors import UserError


def by_horizon(desk: Desk, bare: Mapping[str, Any], targets: Sequence[float],
               settings: FundConfig) -> list[dict[str, Any]]:
    """Rows by horizon, ascending; one that the configuration refuses has a ``reason`` and no numbers."""
    base = desk.base.plan
    changes = {hours: _setting(hours, base.horizon_hours, bare, settings.long_step_seconds)
               for hours in sorted({*settings.horizons_hours, base.horizon_hours})}
    refused = {hours: reason for hours, change in changes.items() if (reason := _refusal(desk, change))}
    runs = desk.runs([change for hours, change in changes.items() if hours not in refused], label="horizons")
    found = {run.study.plan.horizon_hours: run for run in runs}
    rows = []
    for hours in changes:
        row: dict[str, Any] = {"hours": hours, "reason": refused.get(hours)}
        if hours not in refused:
            run = next(run for length, run in found.items() if abs(length - hours) <= 1e-9 * hours)
            row |= {"step_seconds": run.study.plan.step_seconds, "required": required(run.paths, targets),
                    "depletion_probability": run.metrics["depletion_probability"]}
        rows.append(row)
    return rows


def _setting(hours: float, base_hours: float, bare: Mapping[str, Any], long_step: float | None) -> dict[str, Any]:
    """Changes that give a horizon; the base one has none but the ``bare`` ones, and is simulated already."""
    if hours == base_hours:
        return dict(bare)
    longer = {"run.step_seconds": long_step} if long_step is not None and hours > base_hours else {}
    return {**bare, "run.horizon_hours": hours, **longer}


def _refusal(desk: Desk, changes: Mapping[str, Any]) -> str | None:
    """Why a setting cannot be, or None."""
    try:
        desk.study(changes)
    except UserError as error:
        return str(error)
    return None
