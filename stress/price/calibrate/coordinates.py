"""The optimiser's coordinates: one flat vector of named blocks, each with a shape and bounds."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from stress.types import Array

Blocks = dict[str, tuple[tuple[int, ...], float, float]]
"""Name -> shape, lowest and highest value, in the order of the vector."""


def bounds(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest values of the vector."""
    pairs = [(np.full(shape, low).ravel(), np.full(shape, high).ravel()) for shape, low, high in blocks.values()]
    return np.concatenate([low for low, _ in pairs]), np.concatenate([high for _, high in pairs])


def names(blocks: Blocks) -> list[str]:
    """A name for every entry of the vector."""
    return [f"{name}{list(index)}" for name, (shape, _, _) in blocks.items() for index in np.ndindex(shape)]


def split(blocks: Blocks, vector: Array) -> dict[str, Array]:
    """The vector as named arrays."""
    parts, at = {}, 0
    for name, (shape, _, _) in blocks.items():
        size = int(np.prod(shape))
        parts[name] = vector[at : at + size].reshape(shape)
        at += size
    return parts


def join(blocks: Blocks, parts: dict[str, np.ndarray]) -> np.ndarray:
    """Named arrays as the vector."""
    return np.concatenate([np.ravel(parts[name]) for name in blocks])


def correlation(low: Array, size: int) -> Array:
    """Correlation matrices [..., A, A] from free numbers [..., A (A - 1) / 2]: rows of a triangle, made unit length."""
    rows, columns = np.tril_indices(size, -1)
    factor = jnp.broadcast_to(jnp.eye(size), (*low.shape[:-1], size, size)).at[..., rows, columns].set(low)
    factor = factor / jnp.sqrt((factor**2).sum(-1, keepdims=True))
    return factor @ jnp.swapaxes(factor, -1, -2)


def free_correlation(matrix: np.ndarray) -> np.ndarray:
    """The inverse of :func:`correlation`: free numbers [A (A - 1) / 2] of a matrix [A, A]."""
    factor = np.linalg.cholesky(matrix)
    return (factor / np.diag(factor)[:, None])[np.tril_indices(len(matrix), -1)]
