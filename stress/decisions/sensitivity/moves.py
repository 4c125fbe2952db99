"""Settings a step up and down from where a parameter is, those that the configuration refuses left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from stress.build.study import Study
from stress.config.decide.sensitivity import SensitivityConfig
from stress.decisions.desk import Desk
from stress.decisions.sensitivity.parameters import Parameter, Skipped
from stress.errors import UserError
from stress.units import SECONDS_PER_HOUR

TICKS_OF_ZERO = 2
"""Step of a time that is zero, so that half of it is a whole tick."""
STEPS_OF_ZERO = {"bp": 1.0, "USD": 1000.0, "per year": 0.1}
"""Steps of other parameters that are zero, by unit."""
STEP_OF_ZERO = 0.001
SECONDS = {"s": 1.0, "min": 60.0, "h": SECONDS_PER_HOUR}


@dataclass(frozen=True)
class Move:
    """A setting away from the base."""

    changes: dict[str, Any]
    by: float  # displacement: in the parameter's unit, or of the common factor where several numbers move


@dataclass(frozen=True)
class Pair:
    """The two ends of a difference; one of them is the base itself where the parameter cannot move that way."""

    low: Move
    high: Move

    @property
    def kind(self) -> str:
        """Of difference: central, forward or backward."""
        return "central" if self.low.by and self.high.by else "forward" if self.high.by else "backward"

    @property
    def width(self) -> float:
        """Distance of the two settings."""
        return self.high.by - self.low.by


BASE = Move({}, 0.0)


@dataclass(frozen=True)
class Moved:
    """A parameter with its settings."""

    parameter: Parameter
    full: Pair
    half: Pair | None  # None: whole numbers have no half step
    identical: bool  # the venue that is simulated is the same at both ends
    one_sided: str | None  # why there is only one side


def plan_moves(desk: Desk, parameter: Parameter, settings: SensitivityConfig) -> Moved | Skipped:
    """The settings to simulate for a parameter; Skipped where no setting away from the base is allowed."""
    steps = _steps(desk, parameter, settings)
    refusals: list[str] = []
    studies: list[tuple[Move, Study]] = []
    pairs = []
    for factor, shift, by in steps:
        ends = {}
        for sign in (-1, 1):
            move = Move(parameter.moved(desk.container, 1 + sign * factor, sign * shift), sign * by)
            try:
                studies.append((move, desk.study(move.changes)))
                ends[sign] = move
            except UserError as error:
                refusals.append(str(error))
        pairs.append(Pair(*sorted((ends.get(-1, BASE), ends.get(1, BASE)), key=lambda m: m.by)))
        if not ends:
            return Skipped(parameter.key, f"no step is allowed: {_first_line(refusals[0])}")
    same = all(identical(desk.base, study) for _, study in studies)
    if not same:
        for move, study in studies:
            desk.keep(move.changes, study)
    return Moved(parameter, pairs[0], pairs[1] if len(pairs) > 1 else None, same,
                 _first_line(refusals[0]) if refusals else None)


def _steps(desk: Desk, parameter: Parameter, settings: SensitivityConfig) -> list[tuple[float, float, float]]:
    """Full and half step, each as a factor less one, a shift, and the displacement that they make."""
    if parameter.whole:
        n = max(1, round(settings.step * sum(parameter.leaves.values())))
        return [(0.0, m, m) for m in ((n, n // 2) if n > 1 else (n,))]
    if parameter.zero:
        step = settings.zero_steps.get(parameter.key, _step_of_zero(parameter, desk.base.plan.step_seconds))
        return [(0.0, step, step), (0.0, step / 2, step / 2)]
    scale = 1.0 if parameter.value is None else parameter.value
    return [(t, 0.0, t * scale) for t in (settings.step, settings.step / 2)]


def _step_of_zero(parameter: Parameter, step_seconds: float) -> float:
    if parameter.unit in SECONDS:
        return TICKS_OF_ZERO * step_seconds / SECONDS[parameter.unit]
    return STEPS_OF_ZERO.get(parameter.unit, STEP_OF_ZERO)


def identical(first: Study, second: Study) -> bool:
    """Whether two studies simulate the same, every number of market, book and venue to the last bit."""
    plans = [replace(study.plan, job=None) for study in (first, second)]  # type: ignore[arg-type]
    leaves, trees = zip(*(jax.tree.flatten(study.plan.job) for study in (first, second)), strict=True)
    return (plans[0] == plans[1] and trees[0] == trees[1]
            and all(_same(a, b) for a, b in zip(*leaves, strict=True)))


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def settings_of(pairs: Iterable[Pair | None]) -> list[dict[str, Any]]:
    """The settings of pairs, without the base."""
    moves = [move for pair in pairs if pair is not None for move in (pair.low, pair.high)]
    return [move.changes for move in moves if move.changes]


def _first_line(text: str) -> str:
    return text.splitlines()[0] if "\n" not in text else " ".join(line.strip() for line in text.splitlines()[1:2])
