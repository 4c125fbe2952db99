"""Reverse stress: the smallest sudden move, loss of depth, or both, that depletes the fund or starts a cascade."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.config.decide.critical import CriticalConfig
from stress.decisions.critical.brackets import EVENTS, Search, search
from stress.decisions.critical.curves import curve, why_no_cascade
from stress.decisions.critical.levels import static
from stress.decisions.critical.likelihood import furthest, likelihood
from stress.decisions.critical.rounds import branching
from stress.decisions.critical.scopes import TOGETHER, Scope, scopes_of
from stress.decisions.critical.shots import Gun, joined
from stress.decisions.desk import Desk
from stress.mc.progress import counter

DEPTH_POINTS = 20
"""Losses of depth on a line at a given move."""


def decide(desk: Desk, settings: CriticalConfig) -> dict[str, Any]:
    """Loss curves, brackets of critical shocks, the frontier with depth, branching ratios, clusters and likelihoods.

    Everything but the likelihood is deterministic: brackets stand where estimates have intervals. Raises UserError
    where the configuration has shocks to prices.
    """
    gun = Gun(desk, settings)
    scopes = scopes_of(gun)
    grid = np.linspace(0.0, settings.largest_move, settings.points + 1)
    columns = gun.fire(joined([scope.shots(grid) for scope in scopes]))
    known = {scope.key: {name: values[i * len(grid): (i + 1) * len(grid)] for name, values in columns.items()}
             for i, scope in enumerate(scopes)}
    shared = [s for s in scopes if s.name == TOGETHER] or scopes
    losses = sorted({0.0, *settings.depth_losses})
    at_losses = np.linspace(0.0, settings.largest_depth_loss, DEPTH_POINTS + 1)
    lines = {s.key: s.line(grid) for s in scopes}
    lines |= {f"{s.key}, depth -{loss}": s.line(grid, loss) for s in shared for loss in losses if loss}
    lines |= {f"{s.key} {size}": s.depth_line(at_losses, size) for s in shared for size in settings.at_moves}
    searches = search(gun, lines, settings.tolerance, known)
    rows = [{"name": s.name, "direction": s.direction, "beta": dict(zip(gun.base.markets, s.beta.tolist(), strict=True)),
             "curve": curve(gun, s, grid, known[s.key])} for s in scopes]
    for row, scope in zip(rows, scopes, strict=True):
        row["critical"] = _brackets(gun, searches[scope.key], row["curve"])
    with counter(len(scopes), "critical paths", desk.config.run.progress) as meter:
        for i, (row, scope) in enumerate(zip(rows, scopes, strict=True)):
            row["path"] = _path(gun, scope, row["critical"])
            meter(i + 1)
    return {
        "markets": list(gun.base.markets), "prices": gun.base.prices0.tolist(), "fund": gun.base.plan.fund,
        "horizon_hours": gun.base.plan.horizon_hours, "tolerance": settings.tolerance,
        "quiet_minutes": settings.quiet_minutes, "step_seconds": gun.base.plan.step_seconds,
        "cluster_width": settings.cluster_width, "scopes": rows,
        "frontier": [{"direction": s.direction, "depth_loss": loss,
                      **{event: found.found() for event, found in searches[
                          f"{s.key}, depth -{loss}" if loss else s.key].items()}}
                     for s in shared for loss in losses],
        "depth": [{"direction": s.direction, "size": size,
                   **{event: found.found() for event, found in searches[f"{s.key} {size}"].items()}}
                  for s in shared for size in settings.at_moves],
        "static": static(gun), "likelihood": _likelihood(gun, scopes, rows) if settings.likelihood else None,
    }


def _brackets(gun: Gun, searches: dict[str, Search], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Brackets by event, with why there is none."""
    found = {event: searches[event].found() for event in EVENTS}
    if found["cascade"]["breaks"] is None:
        found["cascade"]["reason"] = why_no_cascade(gun, rows)
    if found["depletion"]["breaks"] is None:
        plan = gun.base.plan
        needed = max(row["fund_needed"] or 0.0 for row in rows)
        found["depletion"]["reason"] = (
            f"no shock up to {rows[-1]['size']:.6g} does it: the fund of {plan.fund:.6g} USD is larger than the "
            f"{needed:.6g} USD that the worst of them takes" if plan.insured else
            "the fund is not in protocol.waterfall")
    return found


def _path(gun: Gun, scope: Scope, critical: dict[str, Any]) -> dict[str, Any]:
    """Rounds of the shot that just starts a cascade; else that just depletes the fund; else of the largest."""
    breaks = {event: critical[event]["breaks"] for event in ("cascade", "depletion")}
    event = next((e for e, size in breaks.items() if size), "largest")
    size = breaks.get(event) or gun.settings.largest_move
    return {"of": event, "size": size} | branching(gun, scope.shots(np.array([size])))


def _likelihood(gun: Gun, scopes: list[Scope], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of every critical shock."""
    moves = furthest(gun)
    return [{"name": scope.name, "direction": scope.direction, "event": event,
             **likelihood(gun, moves, scope, row["critical"][event]["breaks"])}
            for scope, row in zip(scopes, rows, strict=True) for event in EVENTS if row["critical"][event]["breaks"]]
