"""Evaluating code for one path inside a kernel, for one path at a time or on all lanes.

``evaluate(work, ...)`` traces ``work`` for one path, as ``jax.vmap`` would be given it, and carries out what it finds
operation by operation on :class:`Cells`. On lanes, loops go on until every lane is done, and branches are taken when
any lane takes them; lanes that do not take part keep what they have. What it cannot carry out raises
``NotImplementedError`` when the kernel is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from stress.mc.lanes.cells import (
    Cells,
    Shape,
    Table,
    Value,
    any_lane,
    array_of,
    cells_like,
    flatten,
    known,
    made_anew,
    one,
    select,
    spread,
    spread_all,
)
from stress.mc.lanes.operations import ELEMENTWISE, SHAPING, elementwise, part

INLINED = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vmap_call": "call",
}
"""Operations that only hold others, and the parameter that does."""


def evaluate(work: Callable[..., Any], arguments: tuple[Any, ...], shape: Shape) -> Any:
    """``work(*arguments)``; arguments and result are trees of values, of ``shape`` where they are not known."""
    leaves, structure = flatten(arguments)
    shapes = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
    made, result = jax.make_jaxpr(lambda *flat: work(*jax.tree.unflatten(structure, flat)), return_shape=True)(*shapes)
    values = Evaluation(shape).closed(made, leaves, jnp.ones(shape, jnp.bool_))
    return jax.tree.unflatten(jax.tree.structure(result), values)


@dataclass(frozen=True)
class Evaluation:
    """Carries out operations on numbers of a shape."""

    shape: Shape

    def closed(self, made: ClosedJaxpr, values: list[Value], active: Any) -> list[Any]:
        """The results of traced code for these arguments, in the ``active`` lanes."""
        found: dict[Any, Value] = dict(zip(made.jaxpr.constvars, map(known, made.consts), strict=True))
        found.update(zip(made.jaxpr.invars, values, strict=True))

        def value(atom: Any) -> Value:
            return _literal(atom) if isinstance(atom, Literal) else found[atom]

        for equation in made.jaxpr.eqns:
            results = self.one(equation, [value(atom) for atom in equation.invars], active)
            found.update(zip(equation.outvars, results, strict=True))
        return [value(atom) for atom in made.jaxpr.outvars]

    def one(self, equation: Any, values: list[Any], active: Any) -> list[Any]:
        """The results of one operation."""
        name, parameters = equation.primitive.name, equation.params
        if name in INLINED:
            return self.closed(parameters[INLINED[name]], values, active)
        if name in SHAPING:
            return SHAPING[name](equation, *values)
        if name in ELEMENTWISE:
            return [elementwise(equation, values, self.shape)]
        match name:
            case "cond":
                return self._branch(parameters["branches"], values, active)
            case "while":
                return self._loop(parameters, values, active)
            case "scan":
                return self._rows(equation, values, active)
            case _:
                raise NotImplementedError(f"a kernel of lanes cannot carry out '{name}' {equation.source_info}")

    def _branch(self, branches: Any, values: list[Any], active: Any) -> list[Any]:
        index, *given = values
        chosen = index.numbers[()]
        if isinstance(chosen, np.generic):
            return self.closed(branches[int(chosen)], given, active)
        mask = active & (spread(chosen, self.shape, index.dtype) != index.dtype.type(0))
        shapes = [Cells(np.empty(a.aval.shape, object), np.dtype(a.aval.dtype)) for a in branches[0].jaxpr.outvars]
        if not self.shape:
            true = mask | ~mask
            both = [lambda b=b: made_anew(spread_all(self.closed(b, given, active), ()), true) for b in branches]
            return cells_like(jax.lax.cond(mask, both[1], both[0]), shapes)
        otherwise = self.closed(branches[0], given, active & ~mask)

        def taken() -> list[Any]:
            return spread_all(select(mask, self.closed(branches[1], given, mask), otherwise, self.shape), self.shape)

        return cells_like(jax.lax.cond(any_lane(mask), taken, lambda: spread_all(otherwise, self.shape)), shapes)

    def _loop(self, parameters: dict[str, Any], values: list[Any], active: Any) -> list[Any]:
        tests, turns = parameters["cond_nconsts"], parameters["body_nconsts"]
        for_test, for_turn, start = values[:tests], values[tests : tests + turns], values[tests + turns :]

        def going(among: Any, flat: Any) -> Any:
            (go,) = self.closed(parameters["cond_jaxpr"], [*for_test, *cells_like(flat, start)], among)
            return among & spread(go.numbers[()], self.shape, bool)

        def turn(state: tuple[Any, Any]) -> tuple[Any, list[Any]]:
            among, now = state[0], cells_like(state[1], start)
            after = self.closed(parameters["body_jaxpr"], [*for_turn, *now], among)
            flat = spread_all(select(among, after, now, self.shape) if self.shape else after, self.shape)
            return (going(among, flat) if self.shape else among), made_anew(flat, among)

        first = spread_all(start, self.shape)
        if not self.shape:
            end = jax.lax.while_loop(lambda state: going(active, state[1]), turn, (active, first))
        else:
            end = jax.lax.while_loop(lambda state: any_lane(state[0]), turn, (going(active, first), first))
        return cells_like(end[1], start)

    def _rows(self, equation: Any, values: list[Any], active: Any) -> list[Any]:
        """A loop over a few markets or ladders, whose rows are chosen among cells."""
        made, length = equation.params["jaxpr"], equation.params["length"]
        if equation.params["reverse"]:
            raise NotImplementedError("a kernel of lanes cannot loop backwards")
        # arguments are constants, what is carried, and rows, which have an axis more outside of the loop than inside
        rowed = sum(a.aval.ndim > b.aval.ndim for a, b in zip(equation.invars, made.jaxpr.invars, strict=True))
        carried = sum(a.aval.ndim == b.aval.ndim for a, b in zip(equation.outvars, made.jaxpr.outvars, strict=True))
        constants = len(values) - rowed - carried
        fixed, state, rows = values[:constants], values[constants : constants + carried], values[constants + carried :]
        kept = [known(np.zeros(a.aval.shape, a.aval.dtype)) for a in equation.outvars[carried:]]

        def turn(place: Any, flat: list[Any]) -> list[Any]:
            now = cells_like(flat, [*state, *kept])
            after = self.closed(made, [*fixed, *now[:carried], *(_row(value, place) for value in rows)], active)
            pairs = zip(now[carried:], after[carried:], strict=True)
            now = [*after[:carried], *(self._written(old, place, new) for old, new in pairs)]
            return made_anew(spread_all(now, self.shape), place >= np.int32(0))

        start = spread_all([*state, *kept], self.shape)
        return cells_like(jax.lax.fori_loop(jnp.int32(0), jnp.int32(length), turn, start), [*state, *kept])

    def _written(self, value: Cells, place: Any, row: Cells) -> Cells:
        """Rows, of which the one at a place [] is replaced."""
        olds = [Cells(value.numbers[k : k + 1].reshape(row.shape), row.dtype) for k in range(len(value.numbers))]
        rows = [select(place == np.int32(k), row, old, self.shape) for k, old in enumerate(olds)]
        return Cells(array_of(n for r in rows for n in r.numbers.flat).reshape(value.shape), value.dtype)


def _literal(atom: Any) -> Cells:
    return known(np.asarray(atom.val, atom.aval.dtype))


def _row(value: Any, place: Any) -> Cells:
    """The row at a place [] that is not known when the kernel is made."""
    if isinstance(value, Table):
        raise NotImplementedError("a kernel of lanes cannot loop over the rows of a table")
    if all(isinstance(n, np.generic) and n == k for k, n in enumerate(value.numbers.flat)):
        return one(place.astype(value.dtype))  # rows are numbered
    return Cells(part(value.numbers, 0, place, 1).reshape(value.shape[1:]), value.dtype)
