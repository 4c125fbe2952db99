"""Operations on cells: those on every cell, and those that only move cells or join them.

They are named as in traced code (``jax.lax``). Numbers that are known when the kernel is made are computed then, so
that places of tables and ladders are, too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from stress.mc.lanes.cells import Cells, Number, Shape, Table, Value, array_of, known, spread

FOLDED: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "neg": np.negative,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "not": np.invert,
    "rem": np.fmod,
    "sign": np.sign,
    "abs": np.abs,
    "convert_element_type": np.asarray,
}
"""What is done with known numbers at once."""
ELEMENTWISE = set(FOLDED) | {
    *("div", "sqrt", "exp", "log", "log1p", "expm1", "pow", "integer_pow", "square", "is_finite", "round", "floor"),
    *("select_n", "clamp", "erf_inv", "xor", "shift_left", "shift_right_logical", "shift_right_arithmetic"),
    *("bitcast_convert_type", "population_count"),
}


def elementwise(equation: Any, values: list[Cells], shape: Shape) -> Cells:
    """An operation on every cell."""
    aval = equation.outvars[0].aval
    cells = [np.broadcast_to(value.numbers, aval.shape) for value in values]
    numbers = np.empty(aval.shape, object)
    for place in np.ndindex(aval.shape):
        numbers[place] = _number(equation, [c[place] for c in cells], aval.dtype, [v.dtype for v in values], shape)
    return Cells(numbers, np.dtype(aval.dtype))


def _number(equation: Any, numbers: list[Number], dtype: Any, dtypes: list[Any], shape: Shape) -> Number:
    name = equation.primitive.name
    if name == "select_n" and isinstance(numbers[0], np.generic):
        return numbers[1 + int(numbers[0])]
    if all(isinstance(number, np.generic) for number in numbers) and name in FOLDED:
        return np.asarray(FOLDED[name](*numbers)).astype(dtype)[()]
    if any(getattr(number, "shape", ()) for number in numbers):
        given = [spread(number, shape, own) for number, own in zip(numbers, dtypes, strict=True)]
    else:
        given = [jnp.asarray(number, own) for number, own in zip(numbers, dtypes, strict=True)]
    return equation.primitive.bind(*given, **equation.params)


def _moved(move: Callable[..., np.ndarray]) -> Callable[..., list[Any]]:
    """An operation that leaves every number as it is."""

    def rule(equation: Any, *values: Cells) -> list[Any]:
        return [Cells(move(*(value.numbers for value in values), **equation.params), values[0].dtype)]

    return rule


def _joined(join: Callable[[Number, Number], Number]) -> Callable[..., list[Any]]:
    """A reduction over axes."""

    def rule(equation: Any, value: Cells) -> list[Any]:
        rows = _rows(value.numbers, tuple(equation.params["axes"]))
        joined = array_of(functools.reduce(join, row) for row in rows)
        return [Cells(joined.reshape(equation.outvars[0].aval.shape), value.dtype)]

    return rule


def _larger(a: Number, b: Number) -> Number:
    both: Any = (a, b)
    return np.maximum(*both) if all(isinstance(number, np.generic) for number in both) else jnp.maximum(*both)


def _dynamic_slice(equation: Any, value: Value, *places: Cells) -> list[Any]:
    sizes = equation.params["slice_sizes"]
    start = [place.numbers[()] for place in places]
    numbers = np.empty(sizes, object)
    if isinstance(value, Table):
        start = [_limited(place, total - size) for place, total, size in zip(start, value.shape, sizes, strict=True)]
        for place in np.ndindex(*sizes):
            numbers[place] = value.load(tuple(s + np.int32(k) if k else s for s, k in zip(start, place, strict=True)))
        return [Cells(numbers, value.dtype)]
    found = value.numbers
    for axis, (place, size) in enumerate(zip(start, sizes, strict=True)):
        found = part(found, axis, place, size)
    return [Cells(found, value.dtype)]


def _limited(place: Number, last: int) -> Number:
    return np.int32(min(max(int(place), 0), last)) if isinstance(place, np.generic) else place.astype(jnp.int32)


def part(numbers: np.ndarray, axis: int, start: Number, size: int) -> np.ndarray:
    """``size`` cells along an axis; a start that is not known chooses among all that are possible."""
    last = numbers.shape[axis] - size
    parts = [np.take(numbers, range(first, first + size), axis) for first in range(last + 1)]
    if isinstance(start, np.generic):
        return parts[min(max(int(start), 0), last)]
    chosen = parts[0]
    for first, part in enumerate(parts[1:], 1):
        later = start >= first
        pairs = zip(part.flat, chosen.flat, strict=True)
        chosen = array_of(_chosen(later, a, b) for a, b in pairs).reshape(part.shape)
    return chosen


def _chosen(mask: Any, a: Number, b: Number) -> Number:
    shape = jnp.broadcast_shapes(mask.shape, a.shape, b.shape)
    return jnp.where(jnp.broadcast_to(mask, shape), jnp.broadcast_to(a, shape), jnp.broadcast_to(b, shape))


def _slice(equation: Any, value: Value) -> list[Any]:
    start, limit, steps = (equation.params[name] for name in ("start_indices", "limit_indices", "strides"))
    steps = steps or (1,) * len(start)
    if isinstance(value, Cells):
        return [Cells(value.numbers[tuple(map(slice, start, limit, steps))], value.dtype)]
    ranges = [range(*bounds) for bounds in zip(start, limit, steps, strict=True)]
    numbers = np.empty([len(r) for r in ranges], object)
    if numbers.size > np.prod(value.shape[:-1]):
        raise NotImplementedError(f"a kernel of lanes takes single entries of a table, not {numbers.shape}")
    for place in np.ndindex(numbers.shape):
        numbers[place] = value.load(tuple(np.int32(r[k]) for r, k in zip(ranges, place, strict=True)))
    return [Cells(numbers, value.dtype)]


def _broadcast(numbers: np.ndarray, shape: tuple[int, ...], broadcast_dimensions: tuple[int, ...], **_: Any) -> Any:
    full = [1] * len(shape)
    for axis, size in zip(broadcast_dimensions, numbers.shape, strict=True):
        full[axis] = size
    return np.broadcast_to(numbers.reshape(full), shape)


def _dot(equation: Any, left: Cells, right: Cells) -> list[Any]:
    (over_left, over_right), (batch, _) = equation.params["dimension_numbers"]
    if batch:
        raise NotImplementedError("a kernel of lanes has no products of many matrices")
    axes = tuple(over_left), tuple(over_right)
    rows = _rows(left.numbers, axes[0]), _rows(right.numbers, axes[1])
    numbers = array_of(
        functools.reduce(lambda s, t: s + t, (x * y for x, y in zip(a, b, strict=True)))
        for a in rows[0]
        for b in rows[1]
    )
    return [Cells(numbers.reshape(equation.outvars[0].aval.shape), left.dtype)]


def _rows(numbers: np.ndarray, over: tuple[int, ...]) -> np.ndarray:
    """Cells with those axes ``over`` which a reduction goes in rows."""
    kept = [axis for axis in range(numbers.ndim) if axis not in over]
    rows = int(np.prod([numbers.shape[axis] for axis in kept]))
    return np.transpose(numbers, [*kept, *over]).reshape(rows, -1)


def _iota(equation: Any) -> list[Any]:
    shape, axis = equation.params["shape"], equation.params["dimension"]
    line = np.arange(shape[axis], dtype=equation.params["dtype"])
    return [known(np.broadcast_to(line.reshape([-1 if a == axis else 1 for a in range(len(shape))]), shape))]


SHAPING: dict[str, Callable[..., list[Any]]] = {
    "broadcast_in_dim": _moved(_broadcast),
    "reshape": _moved(lambda numbers, new_sizes, **_: numbers.reshape(new_sizes)),
    "squeeze": _moved(lambda numbers, dimensions, **_: np.squeeze(numbers, tuple(dimensions))),
    "expand_dims": _moved(lambda numbers, dimensions, **_: np.expand_dims(numbers, tuple(dimensions))),
    "transpose": _moved(lambda numbers, permutation, **_: np.transpose(numbers, permutation)),
    "rev": _moved(lambda numbers, dimensions, **_: np.flip(numbers, tuple(dimensions))),
    "tile": _moved(lambda numbers, reps, **_: np.tile(numbers, reps)),
    "concatenate": _moved(lambda *parts, dimension, **_: np.concatenate(parts, dimension)),
    "stack": _moved(lambda *parts, axis, **_: np.stack(parts, axis)),
    "copy": _moved(lambda numbers, **_: numbers),
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "dot_general": _dot,
    "iota": _iota,
    "reduce_sum": _joined(lambda a, b: a + b),
    "reduce_max": _joined(_larger),
    "reduce_min": _joined(lambda a, b: -_larger(-a, -b)),
    "reduce_or": _joined(lambda a, b: a | b),
    "reduce_and": _joined(lambda a, b: a & b),
}
