"""Values given per market: one number, a list, or a map by name."""

from __future__ import annotations

import numpy as np

from stress.config.fields import Matrix, PerMarket
from stress.errors import UserError, bad_value


def per_market(value: PerMarket, markets: list[str], key: str) -> np.ndarray:
    """``value`` as an array [A] in the order of ``markets``.

    Raises UserError naming ``key`` when a list has the wrong length or a map lacks a market and ``default``.
    """
    if isinstance(value, dict):
        missing = [m for m in markets if m not in value and "default" not in value]
        if missing:
            raise UserError(
                f"{key}: no value for {', '.join(missing)} (has {', '.join(value)}). "
                f"Give one number, a list of {len(markets)}, or add the market or 'default' to the map."
            )
        return np.array([value.get(m, value.get("default")) for m in markets], dtype=np.float64)
    if isinstance(value, list):
        if len(value) != len(markets):
            raise bad_value(key, value, f"one number or {len(markets)} (one for each of {', '.join(markets)})")
        return np.array(value, dtype=np.float64)
    return np.full(len(markets), float(value))


def correlation_matrix(value: Matrix, markets: list[str], key: str) -> np.ndarray:
    """``value`` as a correlation matrix [A, A].

    Raises UserError naming ``key`` unless it is symmetric, has a unit diagonal and is positive semidefinite.
    """
    size = len(markets)
    if isinstance(value, dict):
        matrix = _from_pairs(value, markets, key)
    elif isinstance(value, list):
        matrix = np.array(value, dtype=np.float64)
    else:
        matrix = np.full((size, size), float(value))
        np.fill_diagonal(matrix, 1.0)
    if matrix.shape != (size, size):
        raise bad_value(key, value, f"a {size} x {size} matrix (markets: {', '.join(markets)})")
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-9) or not np.allclose(np.diag(matrix), 1.0, rtol=0, atol=1e-9):
        raise bad_value(key, value, "a symmetric matrix with ones on the diagonal")
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if lowest < -1e-9:
        raise UserError(
            f"{key}: not a correlation matrix (smallest eigenvalue {lowest:.3g}, allowed is >= 0). "
            "Move the entries closer to zero."
        )
    return matrix


def _from_pairs(value: dict[str, dict[str, float]], markets: list[str], key: str) -> np.ndarray:
    matrix = np.eye(len(markets))
    for i, first in enumerate(markets):
        for j, second in enumerate(markets[:i]):
            pair = value.get(first, {}).get(second, value.get(second, {}).get(first))
            if pair is None:
                raise UserError(
                    f"{key}: no value for the pair {first}, {second}. "
                    "Give one number for all pairs, a matrix, or add the pair."
                )
            matrix[i, j] = matrix[j, i] = pair
    return matrix
