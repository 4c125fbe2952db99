"""One row a parameter and metric: the derivative that is believed, what it was chosen from, and both ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from stress.decisions.desk import Desk, Run
from stress.decisions.sensitivity import smooth
from stress.decisions.sensitivity.differences import agree, derivative, elasticity, ends
from stress.decisions.sensitivity.moves import Move, Moved, Pair
from stress.decisions.sensitivity.pathwise import FUND, slopes
from stress.mc.estimators.metrics import Definition, Paths

NOT_OUTCOMES = ("cash_residual", "contracts_residual")
"""Columns that are rounding."""
TAIL = {"fund_drawdown_es_99": 0.99}


class Simulated:
    """A moved parameter with its runs, which are on disk."""

    def __init__(self, desk: Desk, moved: Moved, probe: Move | None) -> None:
        self.desk, self.moved, self.parameter = desk, moved, moved.parameter
        self._probe = probe

    @property
    def base(self) -> Run:
        """The configuration as it stands, simulated."""
        return self.desk.run(progress=False)

    def run(self, move: Move) -> Run:
        """A setting, simulated."""
        return self.desk.run(move.changes, progress=False)

    def unmoved(self) -> bool:
        """Whether no outcome differs from the base on any path at either end of the full step."""
        runs = [self.run(move) for move in (self.moved.full.low, self.moved.full.high) if move.changes]
        return all(np.array_equal(run.columns[name], self.base.columns[name],
                                  equal_nan=self.base.columns[name].dtype.kind == "f")
                   for name in self.base.columns if name not in NOT_OUTCOMES for run in runs)

    def slopes(self) -> np.ndarray | str | None:
        """Slopes [P] of the drawdown less the fund, or why there are none; None: not asked for."""
        if self._probe is None:
            return None
        return slopes(self.parameter, self.base, self.run(self._probe), self._probe.by)


def rows(found: Simulated, definitions: Mapping[str, Definition]) -> Iterator[dict[str, Any]]:
    """The rows of a parameter."""
    moved, parameter = found.moved, found.parameter
    slope = found.slopes()
    low, high = found.run(moved.full.low), found.run(moved.full.high)
    full = ends(moved.full, low, high)
    half = ends(moved.half, found.run(moved.half.low), found.run(moved.half.high)) if moved.half else None
    for name, definition in definitions.items():
        unit = f"{definition.unit} per {_unit(parameter.unit, parameter.value)}"
        by_full = derivative(definition, full, unit)
        by_half = derivative(definition, half, unit) if half else None
        same = agree(definition, full, half) if half else None
        shorter = same is False and half is not None and definition.difference(half.low, half.high).differing > 0
        chosen, step = (by_half, moved.half) if shorter and by_half and moved.half else (by_full, moved.full)
        row: dict[str, Any] = {
            "key": parameter.key, "metric": name, "value": parameter.value, "parameter_unit": parameter.unit,
            "derivative": chosen, "method": step.kind, "width": step.width, "full": by_full, "half": by_half,
            "agree": same, "shorter": shorter,
            "one_sided": moved.one_sided, "pathwise": None, "pathwise_reason": None, "note": "",
            "low": _end(moved.full, low, found.base, definition, name, "low"),
            "high": _end(moved.full, high, found.base, definition, name, "high"),
        }
        if isinstance(slope, str):
            row["pathwise_reason"] = slope
        elif slope is not None and (smoothed := _smooth(name, found.base.paths, slope, parameter.key)) is not None:
            row["pathwise"] = smoothed.interval.metric(full.low.confidence, unit)
            if row["pathwise"]["estimate"] is not None:
                row |= {"derivative": row["pathwise"], "method": "pathwise" if smoothed.pathwise else "density",
                        "note": smoothed.note}
        row["elasticity"] = elasticity(row["derivative"], parameter.value, found.base.metrics[name])
        yield row


def _smooth(metric: str, paths: Paths, slope: np.ndarray, key: str) -> smooth.Smooth | None:
    """The derivative from slopes [P] of the drawdown less the fund, of the paths that did not fail."""
    drawdown = paths.known("fund_drawdown")
    known = np.isfinite(drawdown) & np.isfinite(slope)
    drawdown, slope = drawdown[known], slope[known]
    if metric == "fund_shortfall":
        found = smooth.of_shortfall(drawdown, slope, paths.fund, paths.confidence)
    elif metric in TAIL:
        own = slope + 1.0 if key == FUND else slope
        found = smooth.of_tail_mean(drawdown, own, TAIL[metric], paths.confidence)
    elif metric == "depletion_probability":
        found = smooth.of_probability(drawdown, slope, paths.fund, paths.confidence)
    else:
        return None
    lost = int((~known).sum())
    left_out = f"{lost} failed paths left out" if lost else ""
    return replace(found, note=", ".join(filter(None, (found.note, left_out))))


def _end(pair: Pair, run: Run, base: Run, definition: Definition, name: str, which: str) -> dict[str, Any] | None:
    """A setting: where, the metric there, and its difference to the base path by path; None where it is the base."""
    move = pair.low if which == "low" else pair.high
    if not move.changes:
        return None
    difference = definition.difference(base.paths, run.paths).interval
    return {"by": move.by, "estimate": run.metrics[name]["estimate"],
            "difference": difference.metric(base.paths.confidence, definition.unit)}


def _unit(unit: str, value: float | None) -> str:
    return "unit factor" if value is None else unit or "unit"
