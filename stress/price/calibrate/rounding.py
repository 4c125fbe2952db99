"""How fitted numbers are written: rounded, by market, by pair; correlations that stay correlations."""

from __future__ import annotations

import numpy as np

from stress.config.markets import correlation_matrix

DIGITS, CORRELATION_DIGITS = 5, 4


def rounded(value: float, digits: int = DIGITS) -> float:
    """To significant digits."""
    return float(f"{value:.{digits}g}")


def by_market(markets: list[str], values: np.ndarray, digits: int = DIGITS) -> dict[str, float]:
    """Values [A] as a map."""
    return {m: rounded(float(v), digits) for m, v in zip(markets, values, strict=True)}


def by_pair(markets: list[str], matrix: np.ndarray) -> dict[str, dict[str, float]] | int:
    """A correlation matrix [A, A] by pair, rounded such that it stays one; 0 for one market, which has no pair."""
    small = np.round(matrix, CORRELATION_DIGITS)
    np.fill_diagonal(small, 1.0)
    while np.linalg.eigvalsh(small)[0] < 1e-6:  # rounding took it over the edge
        small = np.round(0.999 * small, CORRELATION_DIGITS)
        np.fill_diagonal(small, 1.0)
    if len(markets) == 1:
        return 0
    pairs = {first: {second: float(small[i, j]) for j, second in enumerate(markets) if j > i}
             for i, first in enumerate(markets[:-1])}
    correlation_matrix(pairs, markets, "correlation")  # type: ignore[arg-type]
    return pairs
