"""Values of a kernel: small arrays as one number a cell, large ones as tables in memory.

A number is known when the kernel is made (a NumPy scalar), the same for all lanes (a traced scalar), or one a lane
(a traced vector [W]). Code for one path has many arrays of a few numbers, which a GPU's registers hold and a kernel
language does not know; here each of them is an object array of such numbers, and an operation on it is one
operation a cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas import triton

Number = Any
"""A NumPy scalar, a traced scalar, or a traced vector [W]."""
Shape = tuple[int, ...]
"""Of numbers that are not known: (W,) for one a lane, () for scalars."""


@dataclass(frozen=True)
class Cells:
    """A small array."""

    numbers: np.ndarray  # of objects: a Number each
    dtype: np.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape in the code for one path."""
        return self.numbers.shape


@dataclass(frozen=True)
class Table:
    """A large array that nobody writes: its place in memory, row after row."""

    memory: Any  # reference to [n]
    shape: tuple[int, ...]
    dtype: np.dtype

    def load(self, place: tuple[Number, ...]) -> Number:
        """The entry at a place, whose parts are brought into bounds."""
        rows = np.cumprod([*self.shape[:0:-1], 1][::-1])[::-1] if len(self.shape) > 1 else [1]
        fixed, flat = 0, None
        for size, step, part in zip(self.shape, rows, place, strict=True):
            limited = within(part, size - 1)
            if isinstance(limited, np.generic):
                fixed += int(limited) * int(step)
            else:
                moved = limited if step == 1 else limited * np.int32(step)
                flat = moved if flat is None else flat + moved
        return triton.load(
            self.memory.at[np.int32(fixed) if flat is None else flat + np.int32(fixed) if fixed else flat]
        )


Value = Cells | Table


def within(place: Number, last: int) -> Number:
    """``place`` in int32 between 0 and ``last``."""
    if isinstance(place, np.generic):
        return np.int32(min(max(int(place), 0), last))
    return jnp.minimum(place.astype(jnp.uint32), np.uint32(last)).astype(jnp.int32)  # below zero is far beyond


def known(values: Any) -> Cells:
    """Numbers that the kernel is made with."""
    array = np.asarray(values)
    numbers = np.empty(array.shape, object)
    for place in np.ndindex(array.shape):
        numbers[place] = array[place]
    return Cells(numbers, array.dtype)


def array_of(numbers: Iterable[Number]) -> np.ndarray:
    """Numbers as a line of objects, which NumPy must not look into."""
    given = list(numbers)
    array = np.empty(len(given), object)
    for k, number in enumerate(given):
        array[k] = number
    return array


def one(number: Number) -> Cells:
    """A single number."""
    return Cells(array_of([number]).reshape(()), np.dtype(number.dtype))


def spread(number: Number, shape: Shape, dtype: Any) -> Any:
    """A number as one a lane, or as a traced scalar."""
    return jnp.broadcast_to(jnp.asarray(number, dtype), shape)


def select(mask: Any, true: Any, false: Any, shape: Shape) -> Any:
    """The tree ``true`` of cells in the lanes of a mask, ``false`` in the others."""
    (trues, structure), (falses, _), mask = flatten(true), flatten(false), jnp.broadcast_to(mask, shape)

    def chosen(a: Number, b: Number, dtype: Any) -> Number:
        return a if a is b else jnp.where(mask, spread(a, shape, dtype), spread(b, shape, dtype))

    values = []
    for a, b in zip(trues, falses, strict=True):
        numbers = array_of(chosen(x, y, a.dtype) for x, y in zip(a.numbers.flat, b.numbers.flat, strict=True))
        values.append(Cells(numbers.reshape(a.shape), a.dtype))
    return jax.tree.unflatten(structure, values)


def choose(trees: Any, place: Any, shape: Shape) -> Any:
    """The tree at a place [] that is not known when the kernel is made."""
    chosen, *others = trees
    for k, tree in enumerate(others, 1):
        chosen = select(place == np.int32(k), tree, chosen, shape)
    return chosen


def any_lane(mask: Any) -> Any:
    """Whether any lane of a mask [W] is set, as a scalar."""
    return jnp.sum(mask.astype(jnp.int32)) > np.int32(0)


def spread_all(values: list[Any], shape: Shape) -> list[Any]:
    """Every cell of some values as one number a lane, or as a traced scalar."""
    return [spread(number, shape, v.dtype) for v in values for number in v.numbers.flat]


def made_anew(flat: list[Any], true: Any) -> list[Any]:
    """The same numbers, none of them a constant; ``true`` [] is traced. A kernel's branches cannot end in constants."""
    return [number if number.shape else jnp.where(true, number, jnp.zeros_like(number)) for number in flat]


def cells_like(flat: Iterable[Any], like: list[Any]) -> list[Cells]:
    """Values of the shapes of others, from their numbers one after another."""
    numbers = iter(flat)
    return [
        Cells(array_of(next(numbers) for _ in range(math.prod(value.shape))).reshape(value.shape), value.dtype)
        for value in like
    ]


def is_leaf(value: Any) -> bool:
    """For trees of values."""
    return isinstance(value, Cells | Table)


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """Values of a tree, and its structure."""
    return jax.tree.flatten(tree, is_leaf=is_leaf)


def loop(turns: int, work: Callable[[Any, Any], Any], state: Any, shape: Shape, first: int = 1) -> Any:
    """``work(number, state)`` for numbers from ``first`` on, with a tree of cells."""
    leaves, structure = flatten(state)

    def turn(number: Any, flat: list[Any]) -> list[Any]:
        after = work(number, jax.tree.unflatten(structure, cells_like(flat, leaves)))
        return made_anew(spread_all(flatten(after)[0], shape), number >= np.int32(first))

    flat = jax.lax.fori_loop(jnp.int32(first), jnp.int32(first + turns), turn, spread_all(leaves, shape))
    return jax.tree.unflatten(structure, cells_like(flat, leaves))


def loop_while(turn: Callable[[Any], tuple[Any, Any]], state: Any, shape: Shape) -> Any:
    """``turn(state)`` with a tree of cells, until it says it need not go on []; at least once."""
    leaves, structure = flatten(state)

    def body(now: tuple[Any, list[Any]]) -> tuple[Any, list[Any]]:
        go, after = turn(jax.tree.unflatten(structure, cells_like(now[1], leaves)))
        return go, made_anew(spread_all(flatten(after)[0], shape), now[0])

    start = (jnp.ones((), jnp.bool_), spread_all(leaves, shape))
    return jax.tree.unflatten(structure, cells_like(jax.lax.while_loop(lambda now: now[0], body, start)[1], leaves))


def when(condition: Any, work: Callable[[], Any], state: Any, shape: Shape) -> Any:
    """``work()`` on a traced scalar condition, else ``state``: trees of cells."""
    (leaves, structure), true = flatten(state), condition | ~condition

    def kept(tree: Any) -> list[Any]:
        return made_anew(spread_all(flatten(tree)[0], shape), true)

    flat = jax.lax.cond(condition, lambda: kept(work()), lambda: kept(state))
    return jax.tree.unflatten(structure, cells_like(flat, leaves))
