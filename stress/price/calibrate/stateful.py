"""Forecasts of laws whose hidden state can be filtered, and paths begun from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from stress.price.calibrate.base import Numbers

TOGETHER = 400_000
"""Paths simulated at a time."""

States = Mapping[str, np.ndarray]
"""What is known of hidden states, by name, each with one leading axis: moments in time, or paths. Empty: no memory."""


class Stateful(Protocol):
    """A law with a state."""

    def states(self, returns: np.ndarray, at: np.ndarray) -> States:
        """States known before each of the bars ``at`` [n], from the returns [T, A] of the bars before it."""
        ...

    def onward(self, bars: int, random: Numbers, start: States, paths: int) -> np.ndarray:
        """Log-returns [T, P, A] from ``start``, states with an entry a path."""
        ...


def predict(law: Stateful, returns: np.ndarray, at: np.ndarray, bars: int, draws: int, random: Numbers) -> np.ndarray:
    """As ``Dynamics.predict``."""
    states, chunk = law.states(returns, at), max(TOGETHER // draws, 1)
    result = np.empty((len(at), draws, returns.shape[1]))
    for begin in range(0, len(at), chunk):
        here = slice(begin, begin + chunk)
        start = {name: np.repeat(value[here], draws, axis=0) for name, value in states.items()}
        part = result[here]
        part[...] = law.onward(bars, random, start, len(part) * draws).sum(0).reshape(part.shape)
    return result
