"""Work that few paths need in a step: done for these one by one, while all others go on in vectors.

Code is written for one path and mapped over many, which turns a branch or a loop of one path into work for all of
them. Here it is turned into a loop over those that need it. On a GPU, where lanes wait for each other anyway, it stays
work for all until nobody needs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from stress.types import Array

G = TypeVar("G")
S = TypeVar("S")
WORD = 32
"""Paths whose marks share a word of bits."""


def while_due(due: Callable[[G, S], Array], work: Callable[[G, S], S], given: G, state: S) -> S:
    """``work(given, state)`` for as long as it is ``due(given, state)`` []; mapped over paths, for those where it is.

    ``given`` and ``state`` are trees of arrays. Neither function may look at traced values besides.
    """

    def one(given: G, state: S) -> S:
        return jax.lax.while_loop(lambda now: due(given, now), lambda now: work(given, now), state)

    mapped = custom_vmap(one)

    @mapped.def_vmap
    def many(count: int, batched: list[Any], given: G, state: S) -> tuple[S, Any]:
        fixed, structure = jax.tree.flatten(given)
        rows = jax.tree.leaves(batched[0])
        own = [leaf for leaf, row in zip(fixed, rows, strict=True) if row]
        state = jax.tree.map(lambda leaf, row: leaf if row else _repeated(leaf, count), state, batched[1])

        def given_of(own: list[Array]) -> G:
            """All that is given, with a path's own part."""
            mine = iter(own)
            return jax.tree.unflatten(
                structure, [next(mine) if row else leaf for leaf, row in zip(fixed, rows, strict=True)]
            )

        def by_lane(own: list[Array], state: S) -> S:
            needs = jax.vmap(lambda own, state: due(given_of(own), state))(own, state)
            return _each(
                needs, lambda lane, now: _stored(now, one(given_of(_row(own, lane)), _row(now, lane)), lane), state
            )

        def at_once(own: list[Array], state: S) -> S:
            return jax.vmap(lambda own, state: one(given_of(own), state))(own, state)

        end = jax.lax.platform_dependent(own, state, cpu=by_lane, default=at_once)
        return end, jax.tree.map(lambda _: True, end)

    return mapped(given, state)


def _repeated(leaf: Array, count: int) -> Array:
    return jnp.broadcast_to(leaf, (count, *jnp.shape(leaf)))


def _row(tree: Any, lane: Array) -> Any:
    return jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, lane, 0, keepdims=False), tree)


def _stored(tree: Any, row: Any, lane: Array) -> Any:
    return jax.tree.map(lambda leaf, new: jax.lax.dynamic_update_index_in_dim(leaf, new, lane, 0), tree, row)


def _each(needs: Array, path: Callable[[Array, S], S], state: S) -> S:
    """``path(lane, state)`` for every lane that is set in a mask [n], one after another."""
    count = math.ceil(needs.shape[0] / WORD)
    padded = jnp.pad(needs, (0, count * WORD - needs.shape[0])).reshape(count, WORD)
    words = (padded.astype(jnp.uint32) << jnp.arange(WORD, dtype=jnp.uint32)).sum(1, dtype=jnp.uint32)

    def lane(w: Array, now: tuple[Array, S]) -> tuple[Array, S]:
        bits, state = now
        lowest = jax.lax.population_count((bits & (~bits + 1)) - 1).astype(jnp.int32)
        return bits & (bits - 1), path(w * WORD + lowest, state)

    def word(w: Array, state: S) -> S:
        return jax.lax.while_loop(lambda now: now[0] != 0, partial(lane, w), (words[w], state))[1]

    return jax.lax.fori_loop(0, count, word, state)
