"""Working on some rows of many: gather a batch, work, write back, until all wanted rows are done.

On a CPU the time goes into the number of small operations, not into bytes, so the many small leaves of a row travel
packed in one array a type, and a batch is one row. On a GPU it is many.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from stress.engine.loops import held
from stress.types import Array

Tree = Any
LARGE = 64
"""Leaves with more numbers a row than this travel on their own."""
SMALL_ARRAYS = 2
"""Packed arrays that hold the small leaves: one of float64, one of int32."""


@dataclass(frozen=True)
class Slot:
    """Where a leaf lies: which array, from which column (None: the whole array), its trailing shape and type."""

    array: int
    start: int | None
    shape: tuple[int, ...]
    dtype: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Packed:
    """A tree of leaves [rows, ...]: small leaves joined in one float64 and one int32 array, large ones as they are."""

    arrays: tuple[Array, ...]
    tree: Any = field(metadata={"static": True})
    slots: tuple[Slot, ...] = field(metadata={"static": True})
    large: int = field(metadata={"static": True})  # leaves with more numbers a row than this are as they are

    def unpack(self) -> Tree:
        """The tree."""
        return jax.tree.unflatten(self.tree, [self._leaf(slot) for slot in self.slots])

    def _leaf(self, slot: Slot) -> Array:
        packed = self.arrays[slot.array]
        if slot.start is None:
            return packed
        columns = packed[:, slot.start : slot.start + math.prod(slot.shape)]
        return columns.reshape(packed.shape[0], *slot.shape).astype(slot.dtype)

    def rows(self, index: Array) -> Packed:
        """The rows at ``index`` [batch]."""
        return replace(self, arrays=tuple(array[index] for array in self.arrays))

    def write(self, new: Packed, index: Array) -> Packed:
        """With the rows at ``index`` [batch] replaced by those of ``new``."""
        return replace(self, arrays=tuple(_write(a, b, index) for a, b in zip(self.arrays, new.arrays, strict=True)))


def pack(tree: Tree, large: int = LARGE) -> Packed:
    """Pack a tree whose leaves share a leading axis; those with more than ``large`` numbers a row stay as they are."""
    leaves, structure = jax.tree.flatten(tree)
    rows = leaves[0].shape[0]
    joined: tuple[list[Array], list[Array]] = ([], [])
    widths, alone, slots = [0, 0], [], []
    for leaf in leaves:
        shape, size = leaf.shape[1:], math.prod(leaf.shape[1:])
        if size > large:
            slots.append(Slot(SMALL_ARRAYS + len(alone), None, shape, leaf.dtype))
            alone.append(leaf)
            continue
        kind = 0 if jnp.issubdtype(leaf.dtype, jnp.floating) else 1
        slots.append(Slot(kind, widths[kind], shape, leaf.dtype))
        joined[kind].append(leaf.reshape(rows, size).astype((jnp.float64, jnp.int32)[kind]))
        widths[kind] += size
    small = [jnp.concatenate(parts, axis=1) if parts else jnp.zeros((rows, 0), jnp.int32) for parts in joined]
    return Packed((*small, *alone), structure, tuple(slots), large)


def in_batches(
    work: Callable[[list[Tree], list[Tree]], list[Tree]],
    state: list[Packed],
    given: list[Packed],
    wanted: Array,
    batch: int,
    true: Array,
    copy_to: Callable[[Array, list[Tree]], Array] | None = None,
) -> list[Packed]:
    """``state`` with ``work(state, given)`` in the wanted rows [rows], ``batch`` at a time; ``given`` is read only.

    ``true`` [] is true, and not known to be when this is compiled (``engine.loops``).
    What ``work`` makes of the places that the last batch has to spare is thrown away.
    ``copy_to(index, new)`` [batch] names the rows that get a copy of these rows as they were before the work, and are
    then wanted themselves (a row's own index for none).
    """

    def body(loop: tuple[Array, list[Packed]]) -> tuple[Array, list[Packed]]:
        remaining, kept = loop
        index = _some(remaining, batch)  # past the end where fewer rows are left
        mine, theirs = held(true, ([p.rows(index) for p in kept], [p.rows(index) for p in given]))
        changed = work([p.unpack() for p in mine], [p.unpack() for p in theirs])
        remaining = _write(remaining, jnp.zeros_like(index, bool), index)
        if copy_to is not None:
            target = copy_to(index, changed)
            kept = [old.write(before, target) for old, before in zip(kept, mine, strict=True)]
            remaining = _write(remaining, target != index, target)
        return remaining, [old.write(pack(new, old.large), index) for old, new in zip(kept, changed, strict=True)]

    return jax.lax.while_loop(lambda loop: loop[0].any(), body, (wanted, state))[1]


def _some(wanted: Array, batch: int) -> Array:
    """Indices [batch] of wanted rows [rows], the number of rows where there are not as many."""
    if batch == 1:
        return jnp.argmax(wanted)[None]
    found, index = jax.lax.top_k(wanted.astype(jnp.float32), min(batch, wanted.shape[0]))
    return jnp.where(found > 0, index, wanted.shape[0])


def _write(old: Array, new: Array, index: Array) -> Array:
    """``old`` with the rows at ``index`` [batch] replaced; one row by a slice, since a scatter is a loop of its own."""
    if index.shape[0] == 1:
        return jax.lax.dynamic_update_slice_in_dim(old, new, index[0], 0)
    return old.at[index].set(new, mode="drop")
