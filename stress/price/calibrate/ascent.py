"""Climbing to the top of a likelihood inside bounds: a quasi-Newton climb, Newton steps, the curvature there."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
from scipy.optimize import minimize

GRADIENT_TOLERANCE = 0.02
"""Largest slope of the log-likelihood (times the parameter's own standard error) at which the top is reached."""

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Minus the log-likelihood and its gradient, as a function of the vector."""


def compiled(negative: Callable[[jax.Array], jax.Array]) -> Objective:
    """The objective of a function of the vector, by JAX."""
    both = jax.jit(jax.value_and_grad(negative))

    def evaluate(vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = both(vector)
        return float(value), np.asarray(gradient)

    return evaluate


def climb(objective: Objective, vector: np.ndarray, low: np.ndarray, high: np.ndarray, steps: int
           ) -> tuple[np.ndarray, float]:
    """L-BFGS-B from ``vector``; the best point and its value."""
    scale = max(abs(objective(vector)[0]), 1.0)

    def scaled(at: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective(at)
        return value / scale, gradient / scale

    options = {"maxiter": steps, "maxcor": 30, "ftol": 1e-11, "gtol": 1e-9}
    bounds = np.stack([low, high], axis=1)
    result = minimize(scaled, vector, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.clip(result.x, low, high), float(result.fun) * scale


Curvature = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Hessian of an objective, by the vector and the gradient there."""


def newton(objective: Objective, vector: np.ndarray, low: np.ndarray, high: np.ndarray, steps: int,
           curvature: Curvature | None = None) -> tuple[np.ndarray, float, float, np.ndarray]:
    """Damped Newton steps inside the bounds: the point, its value, the slope left, the Hessian."""
    value, gradient = objective(vector)
    for step in range(steps + 1):
        hessian = curvature(vector, gradient) if curvature else hessian_at(objective, vector, gradient)
        held = ((vector <= low) & (gradient > 0)) | ((vector >= high) & (gradient < 0))
        values, vectors = np.linalg.eigh(hessian[np.ix_(~held, ~held)])
        rooted = np.maximum(np.abs(values), 1e-3)
        along = vectors.T @ gradient[~held]
        slope = float(np.max(np.abs(along) / np.sqrt(rooted), initial=0.0))
        if slope < GRADIENT_TOLERANCE or step == steps:
            break
        move = np.zeros_like(vector)
        move[~held] = -vectors @ (along / rooted)
        move *= min(1.0, 1.0 / np.max(np.abs(move)))
        for share in (1.0, 0.3, 0.1, 0.01, 1e-3):
            trial = np.clip(vector + share * move, low, high)
            trial_value, trial_gradient = objective(trial)
            if trial_value < value:
                break
        else:
            break
        vector, value, gradient = trial, trial_value, trial_gradient
    return vector, value, slope, hessian


def hessian_at(objective: Objective, vector: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Hessian by forward differences of the exact gradient, made symmetric."""
    width = 1e-5
    rows = [(objective(vector + width * unit)[1] - gradient) / width for unit in np.eye(len(vector))]
    return 0.5 * (np.array(rows) + np.array(rows).T)
