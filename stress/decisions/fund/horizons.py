"""The fund by horizon: each a setting of its own, on the same market paths, of which it sees a longer beginning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stress.config.decide.fund import FundConfig
from stress.decisions.desk import Desk, Run
from stress.decisions.fund.targets import required
from stress.errors import UserError


def by_horizon(desk: Desk, bare: Mapping[str, Any], targets: Sequence[float],
               settings: FundConfig) -> list[dict[str, Any]]:
    """Rows by horizon, ascending; one that the configuration refuses has a ``reason`` and no numbers.

    With ``long_step_seconds`` the base horizon is there twice, with its own ticks and with long ones: what these change
    must not be taken for the effect of time.
    """
    base, long_step = desk.base.plan, settings.long_step_seconds
    own = sorted({*settings.horizons_hours, base.horizon_hours})
    wanted = [(hours, None) for hours in own if long_step is None or hours <= base.horizon_hours]
    if long_step is not None and own[-1] > base.horizon_hours:
        wanted += [(hours, long_step) for hours in own if hours >= base.horizon_hours]
    changes = [_setting(hours, step, base.horizon_hours, bare) for hours, step in wanted]
    reasons = [_refusal(desk, change) for change in changes]
    runs = iter(desk.runs([change for change, reason in zip(changes, reasons, strict=True) if not reason],
                          label="horizons"))
    return [{"hours": hours, "reason": reason} | ({} if reason else _found(next(runs), targets))
            for (hours, _), reason in zip(wanted, reasons, strict=True)]


def _found(run: Run, targets: Sequence[float]) -> dict[str, Any]:
    return {"step_seconds": run.study.plan.step_seconds, "required": required(run.paths, targets),
            "depletion_probability": run.metrics["depletion_probability"]}


def _setting(hours: float, step: float | None, base_hours: float, bare: Mapping[str, Any]) -> dict[str, Any]:
    """Changes that give a horizon with ticks of ``step`` seconds; the base one is simulated already."""
    horizon = {} if hours == base_hours else {"run.horizon_hours": hours}
    return {**bare, **horizon, **({} if step is None else {"run.step_seconds": step})}


def _refusal(desk: Desk, changes: Mapping[str, Any]) -> str | None:
    """Why a setting cannot be, or None."""
    try:
        desk.keep(changes, desk.study(changes))
    except UserError as error:
        return str(error)
    return None
