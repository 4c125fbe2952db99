"""A law whose level is the sample's, its other parameters at the top of the likelihood given that.

Variance targeting (Engle and Mezrich 1996). The estimates solve stacked equations, the scores s of the p parameters and
the moment m = r^2 / V - 1 of the level V. Their covariance is A^-1 B A^-T, with A the derivatives of the equations and
B the outer product of their sums over blocks of bars (Newey and McFadden 1994, section 6). A is triangular, because the
moment hangs on the level alone. With scores corrected for the level's error it is block-diagonal, and the covariance
is the sandwich of any other top.
"""

from __future__ import annotations

import numpy as np

from stress.price.calibrate.hidden.climb import SECOND_WIDTH, Top, Values, blocks_of

LEVEL_WIDTH = 1e-3
"""Step along the log of the level."""


def with_level(values: Values, found: Top, level: float, squares: np.ndarray) -> Top:
    """A top given ``level``, the log of a variance, as one of p + 1 parameters, the level the last and estimated too.

    ``values`` is of all p + 1, ``squares`` [T] what the variance is the mean of, NaN where not seen.
    """
    seen = np.isfinite(squares)
    moment = np.where(seen, squares / np.mean(squares[seen]) - 1, 0.0)
    curvature = np.array([[float(seen.sum())]])
    blocks = blocks_of(moment)
    corrected = found.blocks - np.outer(blocks, cross(values, found, level) / curvature[0, 0])
    zero = np.zeros((len(found.vector), 1))
    return Top(np.append(found.vector, level), found.log_likelihood,
               np.block([[found.information, zero], [zero.T, curvature]]), np.column_stack([corrected, blocks]),
               np.append(found.held, False), found.slope)


def cross(values: Values, found: Top, level: float) -> np.ndarray:
    """Minus the second derivatives [p] of the log-likelihood by each parameter and the level."""
    own = np.sqrt(np.maximum(np.diag(found.information), 1e-4))
    steps = np.append(found.vector, level) + np.pad(np.diag(SECOND_WIDTH / own), ((0, 0), (0, 1)))
    up = np.append(np.zeros(len(own)), LEVEL_WIDTH)
    here = np.append(found.vector, level)
    gain = values(here + up) - values(here - up)
    return -np.array([(values(at + up) - values(at - up) - gain).sum() for at in steps]) * own / (
        2 * LEVEL_WIDTH * SECOND_WIDTH)
