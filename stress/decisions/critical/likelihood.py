"""How often the market model moves as far as a shock: from prices alone, one simulation of the configuration."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.config.markets import per_market
from stress.decisions.critical.scopes import TOGETHER, Scope
from stress.decisions.critical.shots import Gun
from stress.files import replacing
from stress.mc.estimators.probabilities import probability
from stress.mc.estimators.sample import sample
from stress.mc.prices import reach
from stress.mc.progress import counter

FILE = "reach.npz"


def furthest(gun: Gun) -> np.ndarray:
    """Furthest moves [P, A + 1, 4], as of ``stress.mc.prices.reach``, of the configuration's paths."""
    file = gun.desk.folder / FILE
    if not file.is_file():
        beta = per_market(gun.settings.together, list(gun.base.markets), "decide.critical.together")
        with counter(gun.base.plan.blocks, "blocks of price paths", gun.desk.config.run.progress) as meter:
            found = reach(gun.base.plan, beta, meter)
        with replacing(file) as stream:
            np.savez_compressed(stream, reach=found)
    with np.load(file, allow_pickle=False) as stored:
        return stored["reach"]


def likelihood(gun: Gun, moves: np.ndarray, scope: Scope, size: float) -> dict[str, Any]:
    """Probabilities, with intervals, of a move of at least ``size`` in the scope's direction.

    ``moves`` are of :func:`furthest`.
    """
    markets = list(gun.base.markets)
    place = len(markets) if scope.name == TOGETHER else markets.index(scope.name)
    sign, column = (-1.0, 0) if scope.direction == "down" else (1.0, 1)
    confidence = gun.base.plan.confidence

    def beyond(values: np.ndarray) -> dict[str, Any]:
        return dict(probability(sample((sign * values >= size).astype(float)), confidence).metric(confidence, ""))

    return {"size": size, "within_horizon": beyond(moves[:, place, column]),
            "in_one_tick": beyond(moves[:, place, column + 2])}
