"""The kernel: all ticks of 32 paths, a path a lane. Its phases are those of ``mc.ladder_block``.

A program is one warp. Noise, prices and thresholds are registers of the lanes. A path that is at a limit is worked
on by itself, by the whole warp: few are in a tick, and scalar code needs no masks. What it owns lies in memory, a line
of numbers a path and variant. (A kernel takes the longer to compile the more accesses to memory it has that are not
scalar, each as long as the square of the kernel's length; these are a handful.)

Axes: ``W`` lanes, ``V`` variants, ``A`` markets, ``P`` paths of the block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from stress.mc.float32 import exponential
from stress.mc.job import Job
from stress.mc.ladder_screen import thresholds
from stress.mc.ladder_visit import at_limit, pay, visit
from stress.mc.lanes.cells import (
    Cells,
    array_of,
    choose,
    flatten,
    known,
    loop,
    loop_while,
    one,
    select,
    spread,
    when,
)
from stress.mc.lanes.evaluate import evaluate
from stress.mc.lanes.memory import Given, Lines
from stress.mc.lanes.noise import lane_noise
from stress.mc.lanes.notes import fan_point, trace_line
from stress.mc.noise import fold
from stress.types import NEVER

WIDTH = 32
"""Lanes of a program: a warp, which needs no barriers."""
LANES = (WIDTH,)
NOBODY = np.int32(2**30)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Side:
    """A path under one variant."""

    free: Any  # [A] displacement before the cap
    limits: Any  # Limits [A]
    sold: Any  # [] USD liquidated in this tick
    hit: Any  # [] bool, at a limit


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """What a lane carries from tick to tick: trees of Cells."""

    market: Any  # state of the market model
    log_price: Any  # [A] log of fundamental over initial price
    sides: tuple[Side, ...]  # one a variant
    depleted: Any  # [] int32 tick of the main variant's depletion
    total: Any  # [2] USD liquidated within the window of cascades, main and twin
    cascade: Any  # [] bool


@dataclass(frozen=True)
class Kernel:
    """One program of the kernel. ``job`` gives structure only."""

    job: Job
    given: Given
    rows: Lines  # LadderRow of every path and variant
    out: dict[str, Any]  # memory of other results
    lanes: Any  # [W] int32, 0 to W - 1
    first: Any  # [] int32, path of the first lane in the block
    in_tile: Any  # [] int32, the same path in its tile
    key: Any  # of the tile
    traced: Any  # [] int32, path of the block

    def run(self) -> None:
        """From time zero to the horizon."""
        end = loop(self.job.steps, self.tick, self.open(), LANES)
        flags = spread(end.cascade.numbers[()], LANES, jnp.bool_).astype(jnp.int32)
        for v, side in enumerate(end.sides):
            finite = jnp.ones(LANES, jnp.bool_)
            for number in (*end.log_price.numbers, *side.free.numbers):
                finite = finite & (jnp.abs(spread(number, LANES, jnp.float64)) < np.inf)
            flags = flags | jnp.where(finite, np.int32(2 << v), np.int32(0))
            arguments = (self.given.venues[v], self.given.values["prices"], side.free, end.log_price)
            for a, number in enumerate(evaluate(_marks, arguments, LANES).numbers):
                place = np.int32((v * len(self.job.prices) + a) * self.job.block_paths) + self.first + self.lanes
                triton.store(self.out["marks"].at[place], spread(number, LANES, jnp.float64))
        triton.store(self.out["flags"].at[self.first + self.lanes], flags)

    def open(self) -> State:
        """Everybody open, at the prices of time zero."""
        job, values = self.job, self.given.values
        noise = self.noise(jnp.uint32(0), job.model.initial_draws())
        none, zero, no = known(np.zeros(len(job.prices))), known(np.zeros(())), known(np.zeros((), bool))
        sides = []
        for v, venue in enumerate(self.given.venues):
            row = self.rows.load(np.int32(v), self.first)
            limits = evaluate(thresholds, (values["ladders"], venue, row, values["prices"], none), ())
            sides.append(Side(none, limits, sold=zero, hit=no))
        market = evaluate(lambda model, noise: model.init(noise), (values["model"], noise), LANES)
        return State(market, none, tuple(sides), known(np.asarray(NEVER, np.int32)), known(np.zeros(2)), no)

    def noise(self, step: Any, draws: Any) -> dict[str, Cells]:
        """Noise of a step."""
        return lane_noise(fold(self.key, step), (self.in_tile + self.lanes).astype(jnp.uint32), draws, self.job.dtype)

    def tick(self, number: Any, state: State) -> State:
        """One tick, phase by phase."""
        state, multiplier = self.shock(state, number)
        state = self.fund(state, number)
        state = self.screen(state, number)
        state = self.work(state, multiplier, number)
        state = self.slide(state, number) if self.job.cascade.paired else state
        self.note(state, number)
        self.trace(state, number)
        return state

    def shock(self, state: State, number: Any) -> tuple[State, Cells]:
        """Phases 1 and 2: prices move, displacements decay; and the multiplier of depth []."""
        noise = self.noise(number.astype(jnp.uint32), self.job.model.step_draws())

        def moved(model: Any, market: Any, noise: Any, log_price: Any, number: Any) -> Any:
            market, shock = model.step(market, noise, number)
            return market, log_price + shock.log_return, shock.depth_multiplier

        arguments = (self.given.values["model"], state.market, noise, state.log_price, one(number))
        market, log_price, multiplier = evaluate(moved, arguments, LANES)
        sides = []
        for side, venue in zip(state.sides, self.given.venues, strict=True):
            decay = evaluate(lambda book: book.decay**book.impact.exponent, (venue.liquidity,), ())
            free = evaluate(jnp.multiply, (side.free, decay), LANES)
            sides.append(replace(side, free=free, sold=known(np.zeros(()))))
        return replace(state, market=market, log_price=log_price, sides=tuple(sides)), multiplier

    def fund(self, state: State, number: Any) -> State:
        """Phase 3, where it is due."""
        due = jnp.zeros((), jnp.bool_)
        for venue in self.given.venues:
            due = due | (jax.lax.rem(number, venue.funding.interval.numbers[()]) == np.int32(0))
        work = lambda: loop(self.job.variants * WIDTH, lambda m, now: self.paid(now, number, m), state, LANES, first=0)  # noqa: E731
        return when(due, work, state, LANES)

    def paid(self, state: State, number: Any, place: Any) -> State:
        """One path under one variant pays, ``place`` [] being that of both."""
        v, lane = jax.lax.div(place, np.int32(WIDTH)), jax.lax.rem(place, np.int32(WIDTH))
        values, path, row = self.given.values, self.first + lane, self.rows.load(v, self.first + lane)
        side = self._only(choose(state.sides, v, LANES), lane)
        arguments = (values["ladders"], self.given.venue(v), values["prices"], row, side.free)
        after, limits = evaluate(pay, (*arguments, self._only(state.log_price, lane), one(number)), ())
        self.rows.store(v, path, after, before=row)
        return replace(state, sides=self._written(state.sides, v, lane, replace(side, limits=limits)))

    def screen(self, state: State, number: Any) -> State:
        """The variants in which lanes are at a limit."""
        sides = []
        for v, (side, venue) in enumerate(zip(state.sides, self.given.venues, strict=True)):
            hit = evaluate(at_limit, (side.limits, venue, side.free, state.log_price), LANES).numbers[()]
            if self.job.unlimited and v == self.job.variants - 1:  # it sleeps while it is what the main variant is
                hit = hit & (state.depleted.numbers[()] < number)
            sides.append(replace(side, hit=one(hit)))
        return replace(state, sides=tuple(sides))

    def _displacement(self, variant: int, side: Side, market: int) -> Any:
        """X [W] in float32."""
        cap = self.given.venues[variant].liquidity.impact.cap.numbers[()].astype(jnp.float32)
        free = spread(side.free.numbers[market], LANES, jnp.float64).astype(jnp.float32)
        return jnp.minimum(jnp.maximum(free, -cap), cap)

    def work(self, state: State, multiplier: Cells, number: Any) -> State:
        """Phases 5 to 11 of every path at a limit, one by one, variant by variant."""

        def next_hit(sides: tuple[Side, ...]) -> Any:
            place = jnp.full(LANES, NOBODY)
            for v, side in enumerate(sides):
                place = jnp.minimum(place, jnp.where(side.hit.numbers[()], self.lanes + np.int32(v * WIDTH), NOBODY))
            return jnp.min(place)

        def turn(now: State) -> tuple[Any, State]:
            now = self.rounds(now, multiplier, number, next_hit(now.sides))
            return next_hit(now.sides) < NOBODY, now

        return when(next_hit(state.sides) < NOBODY, lambda: loop_while(turn, state, LANES), state, LANES)

    def rounds(self, state: State, multiplier: Cells, number: Any, place: Any) -> State:
        """The rounds of one path under one variant, ``place`` [] being that of both."""
        v, lane = jax.lax.div(place, np.int32(WIDTH)), jax.lax.rem(place, np.int32(WIDTH))
        values, path, row = self.given.values, self.first + lane, self.rows.load(v, self.first + lane)
        side = self._only(choose(state.sides, v, LANES), lane)
        arguments = (values["ladders"], self.given.venue(v), values["prices"], row, side.free)
        market = self._only((state.log_price, multiplier), lane)
        after, free, limits, sold = evaluate(visit, (*arguments, *market, one(number)), ())
        sides, depleted, main = state.sides, after.outcome.depletion_tick.numbers[()], v == np.int32(0)
        if self.job.unlimited:  # the companion wakes: a copy of its main path from before the tick's rounds
            last, wakes = np.int32(self.job.variants - 1), main & (depleted == number)
            jax.lax.cond(wakes, lambda: self.rows.store(last, path, row), lambda: None)
            awake = replace(self._only(sides[-1], lane), free=side.free, hit=known(np.ones((), bool)))
            sides = self._written(sides, jnp.where(wakes, last, np.int32(-1)), lane, awake)
        self.rows.store(v, path, after, before=row)
        done = Side(free, limits, sold, known(np.zeros((), bool)))
        mine = (self.lanes == lane) & main
        return replace(
            state,
            sides=self._written(sides, v, lane, done),
            depleted=select(mine, one(depleted), state.depleted, LANES),
        )

    def _only(self, tree: Any, lane: Any) -> Any:
        """The numbers of one lane []."""
        leaves, structure = flatten(tree)

        def number(value: Any, dtype: Any) -> Any:
            numbers = spread(value, LANES, dtype)
            numbers = numbers.astype(jnp.int32) if dtype == jnp.bool_ else numbers
            return jnp.sum(jnp.where(self.lanes == lane, numbers, jnp.zeros_like(numbers))).astype(dtype)

        values = (Cells(array_of(number(n, v.dtype) for n in v.numbers.flat).reshape(v.shape), v.dtype) for v in leaves)
        return jax.tree.unflatten(structure, list(values))

    def _written(self, sides: tuple[Side, ...], v: Any, lane: Any, new: Side) -> tuple[Side, ...]:
        """The sides with that of a variant [] and lane [] replaced."""
        mine = self.lanes == lane
        return tuple(select(mine & (v == np.int32(u)), new, old, LANES) for u, old in enumerate(sides))

    def slide(self, state: State, number: Any) -> State:
        """The window of cascades: what was liquidated in this tick enters, what is too old leaves."""
        rule, totals, memory = self.job.cascade, [], self.out["slots"]
        slot = jax.lax.rem(number, np.int32(rule.ticks))
        for kind in range(2):
            place = (slot * np.int32(2) + np.int32(kind)) * np.int32(self.job.block_paths) + self.first + self.lanes
            new, old = spread(state.sides[kind].sold.numbers[()], LANES, jnp.float64), triton.load(memory.at[place])
            triton.store(memory.at[place], new)
            totals.append(state.total.numbers[kind] + new - old)
        found = (totals[0] > self.given.values["threshold"].numbers[()]) & (totals[0] - totals[1] > 0.5 * totals[0])
        return replace(
            state, total=Cells(array_of(totals), np.dtype(float)), cascade=one(found | state.cascade.numbers[()])
        )

    def note(self, state: State, number: Any) -> None:
        """The mark of the main variant, at the last tick of every fan point."""
        slot, ends = fan_point(self.job, number)

        @pl.when(ends)
        def _() -> None:
            start = self.given.values["prices"].numbers
            for a, log_price in enumerate(state.log_price.numbers):
                price = exponential(spread(log_price, LANES, jnp.float64).astype(jnp.float32))
                mark = start[a].astype(jnp.float32) * price * (np.float32(1) + self._displacement(0, state.sides[0], a))
                place = (slot * np.int32(len(start)) + np.int32(a)) * np.int32(self.job.block_paths)
                triton.store(self.out["fan"].at[place + self.first + self.lanes], mark)

    def trace(self, state: State, number: Any) -> None:
        """This tick of the traced path, if it is one of the lanes."""
        lane = self.traced - self.first

        @pl.when((lane >= np.int32(0)) & (lane < np.int32(WIDTH)))
        def _() -> None:
            row, mine = (
                self.rows.load(np.int32(0), self.traced),
                self._only((state.sides[0].free, state.log_price), lane),
            )
            values = evaluate(traced, (self.given.venues[0], self.given.values["prices"], row, *mine), ()).numbers
            for k, value in enumerate(values):
                place = (number - np.int32(1)) * np.int32(len(values)) + np.int32(k)
                triton.store(self.out["trace"].at[place], jnp.asarray(value, jnp.float64))


def _marks(venue: Any, prices: Any, free: Any, log_price: Any) -> Any:
    """Marks [A] of a displacement before the cap."""
    cap = venue.liquidity.impact.cap
    return prices * jnp.exp(log_price) * (1.0 + jnp.clip(free, -cap, cap))


def traced(venue: Any, prices: Any, row: Any, free: Any, log_price: Any) -> Any:
    """The numbers of one tick of a path that is traced."""
    cap, fundamental = venue.liquidity.impact.cap, prices * jnp.exp(log_price)
    return trace_line(fundamental * (1.0 + jnp.clip(free, -cap, cap)), fundamental, row)
