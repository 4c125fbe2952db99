"""Working on some rows of many: gather a batch, work, write back, until all wanted rows are done.

On a CPU the time goes into the number of small operations, not into bytes, so the many small leaves of a row travel
packed in one array a type; and rows are written by slice updates, since a scatter becomes a loop of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from stress.types import Array

Tree = Any
LARGE = 64
"""Leaves with more numbers a row than this travel on their own."""
SMALL_ARRAYS = 2
"""Packed arrays that hold the small leaves: one of float64, one of int32."""


@dataclass(frozen=True)
class Layout:
    """Where the leaves of a tree lie in its packed arrays. Slots are (array, offset, trailing shape, dtype)."""

    tree: Any
    slots: tuple[tuple[int, int, tuple[int, ...], Any], ...]

    def unpack(self, arrays: list[Array]) -> Tree:
        """The tree of packed arrays [rows, ...]."""
        leaves = []
        for array, offset, shape, dtype in self.slots:
            packed = arrays[array]
            if offset >= 0:
                width = 1
                for length in shape:
                    width *= length
                packed = packed[:, offset : offset + width].reshape(packed.shape[0], *shape)
            leaves.append(packed.astype(dtype))
        return jax.tree.unflatten(self.tree, leaves)


def pack(tree: Tree) -> tuple[list[Array], Layout]:
    """Small leaves [rows, ...] of ``tree`` joined into one float64 and one int32 array, large ones as they are."""
    leaves, structure = jax.tree.flatten(tree)
    rows = leaves[0].shape[0]
    joined: dict[bool, list[Array]] = {True: [], False: []}
    widths, arrays, slots = {True: 0, False: 0}, [], []
    for leaf in leaves:
        size = leaf[0].size
        if size > LARGE:
            slots.append((SMALL_ARRAYS + len(arrays), -1, leaf.shape[1:], leaf.dtype))
            arrays.append(leaf)
            continue
        floating = bool(jnp.issubdtype(leaf.dtype, jnp.floating))
        slots.append((0 if floating else 1, widths[floating], leaf.shape[1:], leaf.dtype))
        joined[floating].append(leaf.reshape(rows, size).astype(jnp.float64 if floating else jnp.int32))
        widths[floating] += size
    small = [jnp.concatenate(parts, axis=1) if parts else jnp.zeros((rows, 0), jnp.int32) for parts in joined.values()]
    return [*small, *arrays], Layout(structure, tuple(slots))


@dataclass(frozen=True)
class Work:
    """One kind of work on some rows."""

    do: Callable[[Tree, Tree], Tree]  # (rows of a batch, what is given for them) -> rows of the batch
    wanted: Callable[[Tree], Array]  # all rows -> [rows] bool
    batch: int
    large: bool  # whether large leaves change; if not they are not written, which saves carrying them


def in_batches(rows: Tree, given: Tree, works: tuple[Work, ...]) -> Tree:
    """``rows`` [rows, ...] after each work in turn on the rows it wants, a batch at a time; ``given`` is read only.

    The last batch is filled up with rows that did not ask: for them a work must change nothing that matters.
    """
    (facts, facts_layout), (state, layout) = pack(given), pack(rows)
    for work in works:
        state = _work(work, state, layout, facts, facts_layout)
    return layout.unpack(state)


def _work(work: Work, state: list[Array], layout: Layout, facts: list[Array], facts_layout: Layout) -> list[Array]:
    wanted = work.wanted(layout.unpack(state))
    order = jnp.argsort(~wanted, stable=True).astype(jnp.int32)
    count = wanted.sum(dtype=jnp.int32)
    split = len(state) if work.large else SMALL_ARRAYS
    fixed = state[split:]

    def body(loop: tuple[Array, list[Array]]) -> tuple[Array, list[Array]]:
        done, kept = loop
        index = jax.lax.dynamic_slice(order, (done,), (work.batch,))
        # without the barrier the gather is repeated in every operation that reads it
        mine, theirs = jax.lax.optimization_barrier(([a[index] for a in [*kept, *fixed]], [a[index] for a in facts]))
        changed, _ = pack(work.do(layout.unpack(mine), facts_layout.unpack(theirs)))
        return done + work.batch, [_write(old, new, index) for old, new in zip(kept, changed[:split], strict=True)]

    zero = jnp.zeros((), jnp.int32)
    _, end = jax.lax.while_loop(lambda loop: loop[0] < count, body, (zero, state[:split]))
    return [*end, *fixed]


def _write(old: Array, new: Array, index: Array) -> Array:
    for lane in range(index.shape[0]):
        old = jax.lax.dynamic_update_slice_in_dim(old, new[lane : lane + 1], index[lane], 0)
    return old
