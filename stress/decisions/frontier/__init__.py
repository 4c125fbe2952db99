"""How much leverage to offer: leverage against depletion against insolvent notional."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.config.decide.frontier import FrontierConfig
from stress.decisions.desk import Desk, Run
from stress.decisions.frontier.dominance import Point, Verdict, differences, joint_confidence, judge
from stress.decisions.frontier.isoquants import cell, deeper, depths_of, rows_of, why_none
from stress.decisions.frontier.measures import Payer, measured, payer_of, point_of
from stress.decisions.frontier.settings import Setting, family, held_book
from stress.errors import UserError


def decide(desk: Desk, settings: FrontierConfig) -> dict[str, Any]:
    """Settings of margin rates with what they offer and cost, which are efficient, and required funds by depth.

    Raises UserError where the configuration has no companion run with an unlimited fund, or no other setting.
    """
    if not desk.config.run.fund_curve:
        raise UserError("run.fund_curve=false: the command frontier needs the companion with an unlimited fund. Leave "
                        "it true.")
    hold = held_book(desk.config, settings)
    tried, refused = family(desk, settings, hold)
    no_map = why_none(desk.config, settings)
    grid = [] if no_map else [(s, d) for s in rows_of(tried, settings.scalings[0]) for d in depths_of(settings)]
    depth = desk.config.liquidity.depth_usd
    runs = desk.runs([s.changes for s in tried] + [deeper(s, depth, d) for s, d in grid], hold_book=hold,
                     label="margin settings")
    payer, interest = payer_of(desk.config.protocol), desk.base.book.open_interest(desk.base.prices0)
    cells = [dict(cell(run, s, d, payer, settings.target))
             for run, (s, d) in zip(runs[len(tried):], grid, strict=True)]
    plan = desk.base.plan
    return {
        "target": settings.target, "horizon_hours": plan.horizon_hours, "confidence": plan.confidence,
        "book": "held" if hold else "offered", "payer": payer.name, "fund": payer.holds,
        "open_interest": float(interest.sum()),
        "joint_confidence": joint_confidence(len(tried), plan.confidence),
        "settings": _settings(tried, runs[:len(tried)], payer, interest, settings.target, plan.confidence),
        "refused": [{"setting": r.name, "reason": r.reason} for r in refused],
        "map": {"scaling": settings.scalings[0] if settings.scalings else None, "cells": cells, "reason": no_map},
    }


def _settings(tried: list[Setting], runs: list[Run], payer: Payer, interest: np.ndarray, target: float,
              confidence: float) -> list[dict[str, Any]]:
    """A row a setting, the present one first."""
    points = [point_of(run, payer, interest) for run in runs]
    verdicts = judge(points, confidence)
    return [{"setting": s.name, "family": s.family, "scale": s.scale, "capped_rates": s.capped,
             **measured(run, payer, interest, target), **_told(verdict, tried),
             "against_present": _against(points[0], point, confidence) if s is not tried[0] else None}
            for s, run, point, verdict in zip(tried, runs, points, verdicts, strict=True)]


def _told(verdict: Verdict, tried: list[Setting]) -> dict[str, Any]:
    return {"status": verdict.status, "by": [tried[b].name for b in verdict.by]}


def _against(present: Point, point: Point, confidence: float) -> dict[str, Any]:
    """This setting less the present one, path by path."""
    depletion, notional = differences(present, point, confidence)
    return {"depletion_probability": dict(depletion.metric(confidence, "probability")),
            "insolvent_notional": dict(notional.metric(confidence, "USD"))}
