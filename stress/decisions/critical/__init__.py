"""Reverse stress: the smallest sudden move, loss of depth, or both, that depletes the fund or starts a cascade."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from stress.config.decide.critical import CriticalConfig
from stress.config.liquidity import BY_BOOK
from stress.decisions.critical.brackets import EVENTS, Line, Search, search
from stress.decisions.critical.curves import curve, why_no_cascade
from stress.decisions.critical.levels import static
from stress.decisions.critical.likelihood import furthest, likelihood
from stress.decisions.critical.rounds import branching
from stress.decisions.critical.scopes import TOGETHER, Scope, scopes_of
from stress.decisions.critical.shots import Gun, joined
from stress.decisions.desk import Desk
from stress.mc.plan import Plan
from stress.mc.progress import counter

DEPTH_POINTS = 20
"""Losses of depth on a line at a given move."""


def decide(desk: Desk, settings: CriticalConfig) -> dict[str, Any]:
    """Loss curves, brackets of critical shocks, the frontier with depth, branching ratios, clusters and likelihoods.

    Everything but the likelihood is deterministic: brackets stand where estimates have intervals. Raises UserError
    where the configuration has shocks to prices. Where prices follow from the venue's own book there is no depth to
    lose: only moves are looked for.
    """
    own = None
    if desk.config.liquidity.law in BY_BOOK:
        own = f"liquidity.law={desk.config.liquidity.law} has no order book, so there is no depth to lose or to read"
        settings = replace(settings, depth_losses=[], at_moves=[])
    gun = Gun(desk, settings)
    scopes = scopes_of(gun)
    grid = np.linspace(0.0, settings.largest_move, settings.points + 1)
    columns = gun.fire(joined([scope.shots(grid) for scope in scopes]))
    parts = {scope.key: slice(i * len(grid), (i + 1) * len(grid)) for i, scope in enumerate(scopes)}
    known = {key: {name: values[rows] for name, values in columns.items()} for key, rows in parts.items()}
    shared = [scope for scope in scopes if scope.name == TOGETHER] or scopes
    losses = sorted({0.0, *settings.depth_losses})
    searches = search(gun, _lines(settings, scopes, shared, grid), settings.tolerance, settings.check_below, known)
    rows = [_scope(gun, scope, curve(gun, scope, grid, known[scope.key]), searches[scope.key]) for scope in scopes]
    _follow(gun, scopes, rows)
    drawn = settings.likelihood and desk.config.price.path is None  # a given path has no law
    return {
        **_about(gun), "scopes": rows,
        "frontier": [] if own else [
            {"direction": s.direction, "depth_loss": loss} | _found(searches[_with_loss(s, loss)])
            for s in shared for loss in losses],
        "depth": [{"direction": s.direction, "size": size} | _found(searches[_at_size(s, size)])
                  for s in shared for size in settings.at_moves],
        "static": static(gun) if own is None else {"levels": [], "clusters": [], "reason": own},
        "no_depth": own, "likelihood": _likelihood(gun, scopes, rows) if drawn else None,
    }


def _about(gun: Gun) -> dict[str, Any]:
    plan, settings = gun.base.plan, gun.settings
    return {"markets": list(gun.base.markets), "prices": gun.base.prices0.tolist(), "fund": plan.fund * plan.insured,
            "horizon_hours": plan.horizon_hours, "step_seconds": plan.step_seconds, "tolerance": settings.tolerance,
            "quiet_minutes": settings.quiet_minutes, "cluster_width": settings.cluster_width}


def _with_loss(scope: Scope, loss: float) -> str:
    return f"{scope.key}, depth -{loss}" if loss else scope.key


def _at_size(scope: Scope, size: float) -> str:
    return f"{scope.key} by {size}"


def _lines(settings: CriticalConfig, scopes: list[Scope], shared: list[Scope], grid: np.ndarray) -> dict[str, Line]:
    """Everything that is searched: sizes by scope, sizes by loss of depth, and losses of depth by size."""
    at = np.linspace(0.0, settings.largest_depth_loss, DEPTH_POINTS + 1)
    return {
        **{scope.key: scope.line(grid) for scope in scopes},
        **{_with_loss(s, loss): s.line(grid, loss) for s in shared for loss in settings.depth_losses if loss},
        **{_at_size(s, size): s.depth_line(at, size) for s in shared for size in settings.at_moves},
    }


def _found(searches: dict[str, Search]) -> dict[str, Any]:
    return {event: each.found() for event, each in searches.items()}


def _scope(gun: Gun, scope: Scope, rows: list[dict[str, Any]], searches: dict[str, Search]) -> dict[str, Any]:
    beta = dict(zip(gun.base.markets, scope.beta.tolist(), strict=True))
    return {"name": scope.name, "direction": scope.direction, "beta": beta, "curve": rows,
            "critical": _brackets(gun, searches, rows)}


def _follow(gun: Gun, scopes: list[Scope], rows: list[dict[str, Any]]) -> None:
    """Add the critical path of each scope to its row."""
    with counter(len(scopes), "critical paths", gun.desk.config.run.progress) as meter:
        for i, (row, scope) in enumerate(zip(rows, scopes, strict=True)):
            row["path"] = _path(gun, scope, row["critical"])
            meter(i + 1)


def _brackets(gun: Gun, searches: dict[str, Search], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Brackets by event, with why there is none."""
    found = _found(searches)
    if found["cascade"]["breaks"] is None:
        found["cascade"]["reason"] = why_no_cascade(gun, rows)
    if found["depletion"]["breaks"] is None:
        found["depletion"]["reason"] = why_no_depletion(gun.base.plan, rows)
    return found


def why_no_depletion(plan: Plan, rows: list[dict[str, Any]]) -> str:
    """Why no shock of a curve leaves a deficit that the fund, if there is one, cannot pay."""
    needed = max(row["fund_needed"] or 0.0 for row in rows)
    why = (f"the fund of {plan.fund:.6g} USD is not less than the {needed:.6g} USD that the worst of them takes"
           if plan.insured and plan.fund > 0 else "none leaves a deficit")
    return f"no shock up to {100 * rows[-1]['size']:.6g} % does it: {why}"


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
