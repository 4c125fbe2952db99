"""What moves: each market alone, and all of them together; down and up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.config.markets import per_market
from stress.decisions.critical.brackets import Line
from stress.decisions.critical.shots import Gun, Shots
from stress.errors import UserError

TOGETHER = "all markets together"
DIRECTIONS = {"down": -1.0, "up": 1.0}


@dataclass(frozen=True)
class Scope:
    """Markets that move, by how much of the shock, and which way."""

    name: str  # a market's, or TOGETHER
    direction: str
    beta: np.ndarray  # [A] move over the shock, 0 for those that stay

    @property
    def key(self) -> str:
        """Unique."""
        return f"{self.name} {self.direction}"

    def move(self, size: np.ndarray) -> np.ndarray:
        """Moves [n, A] of shocks [n] >= 0."""
        return DIRECTIONS[self.direction] * np.outer(size, self.beta)

    def shots(self, size: np.ndarray, depth_loss: np.ndarray | float = 0.0) -> Shots:
        """Shots of shocks [n] >= 0."""
        return Shots(self.move(size), np.broadcast_to(np.asarray(depth_loss, float), size.shape).copy())

    def line(self, grid: np.ndarray, depth_loss: float = 0.0) -> Line:
        """Shocks by their size, at a loss of depth."""
        return Line(grid, lambda size: self.shots(size, depth_loss))

    def depth_line(self, grid: np.ndarray, size: float) -> Line:
        """Losses of depth at a shock of one size."""
        return Line(grid, lambda loss: self.shots(np.full(len(loss), size), loss))


def scopes_of(gun: Gun) -> list[Scope]:
    """Every scope; a venue of one market has no other.

    Raises UserError where the largest shock would take a market's whole price.
    """
    markets, settings = list(gun.base.markets), gun.settings
    beta = per_market(settings.together, markets, "decide.critical.together")
    if len(markets) > 1 and (beta * max(settings.largest_move, *settings.at_moves, 0.0) >= 1).any():
        raise UserError(f"decide.critical.together: got {settings.together!r}, allowed is less than "
                        f"{1 / settings.largest_move:g}, one over decide.critical.largest_move: a market cannot fall "
                        "by more than its price. Make one of them smaller.")
    alone = [Scope(market, d, np.eye(len(markets))[a]) for a, market in enumerate(markets) for d in DIRECTIONS]
    shared = [Scope(TOGETHER, d, beta) for d in DIRECTIONS] if len(markets) > 1 else []
    return [*shared, *alone]
