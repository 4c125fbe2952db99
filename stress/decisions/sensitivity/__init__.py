"""By how much each parameter moves each metric: derivatives on common noise, each with an interval."""

from __future__ import annotations

from typing import Any

from stress.config.decide.sensitivity import SensitivityConfig
from stress.decisions.desk import Desk
from stress.decisions.sensitivity.metrics import chosen_metrics, refuse_unknown
from stress.decisions.sensitivity.moves import Moved, plan_moves, settings_of
from stress.decisions.sensitivity.parameters import Skipped, find
from stress.decisions.sensitivity.pathwise import KEYS, obstacle, probe
from stress.decisions.sensitivity.reasons import why_none
from stress.decisions.sensitivity.rows import Simulated, rows
from stress.errors import UserError


def decide(desk: Desk, settings: SensitivityConfig) -> dict[str, Any]:
    """Derivatives of ``settings.metrics`` by all numbers under ``settings.keys``.

    Raises UserError for an unknown metric or key, a metric that the run does not have, and weighted paths.
    """
    refuse_unknown(desk.config, settings)
    parameters, skipped = find(desk.config, settings.keys)
    planned = {parameter.key: plan_moves(desk, parameter, settings) for parameter in parameters}
    skipped += [move for move in planned.values() if isinstance(move, Skipped)]
    moved = {key: move for key, move in planned.items() if isinstance(move, Moved)}
    probes = {key: probe(moved[key].parameter) for key in KEYS
              if key in moved and not moved[key].identical and obstacle(key, desk) is None}
    simulated = {key: Simulated(desk, move, probes.get(key)) for key, move in moved.items() if not move.identical}
    wanted = settings_of(found.moved.full for found in simulated.values())
    wanted += [move.changes for move in probes.values() if move.changes]
    base = desk.runs([{}, *wanted[:1]], label="the present setting")[0]  # as all others: bits are compared
    definitions = chosen_metrics(base, settings)
    if base.paths.weights is not None:
        raise UserError("sensitivity: paths carry weights, which paired differences do not take. Run without.")
    desk.runs(wanted, label="steps up and down")
    felt = {key: found for key, found in simulated.items() if not found.unmoved()}
    halves = settings_of(found.moved.half for found in felt.values())
    desk.runs(halves, label="half steps")
    return {
        "step": settings.step,
        "metrics": {name: base.metrics[name] for name in definitions},
        "rows": [row for found in felt.values() for row in rows(found, definitions)],
        "without_effect": [
            {"key": key, "identical": move.identical, "paths": desk.base.plan.paths,
             "reason": why_none(move.parameter, desk.config, identical=move.identical)}
            for key, move in moved.items() if key not in felt],
        "skipped": [{"key": s.key, "reason": s.reason} for s in skipped],
        "not_pathwise": [{"key": key, "reason": reason} for key in KEYS if key in moved
                         and (reason := obstacle(key, desk)) is not None],
        "settings": len(wanted) + len(halves) + 1,
    }
