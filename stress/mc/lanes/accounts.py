"""The kernel of the dense engine: all ticks of one path under one variant, accounts side by side.

A program is one warp. What is of the path is scalar; where a price leaves the box of the last look, all accounts are
looked at, 128 at a time: once for who acts, and once more for what closing them leaves (``engine.alone``). An account
is open or closed, so a number an account is all that is kept of it.

Axes: ``A`` markets, ``N`` accounts, ``P`` paths of the block, ``V`` variants.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from stress.engine import step
from stress.engine.alone import Alone, Glance, close, conserved, fills, glance, lacking, owned, settled, sides
from stress.engine.ladder.crowd import pay_crowd
from stress.engine.ladder.rounds import LadderTick, Moving
from stress.engine.ladder.settle import Closed, Sale
from stress.engine.screen import outside
from stress.engine.state import ROUNDS_EXHAUSTED, Row, Screen
from stress.mc.job import Job
from stress.mc.lanes.cells import Cells, array_of, known, loop, loop_while, one, spread, when
from stress.mc.lanes.evaluate import evaluate
from stress.mc.lanes.memory import Lines
from stress.mc.lanes.noise import lane_noise
from stress.mc.lanes.notes import fan_point, trace_line
from stress.mc.noise import fold

WIDTH = 128
"""Accounts that are looked at together."""
LANES = (WIDTH,)
OPEN, PENDING = np.int32(0), np.int32(-1)
"""What is kept of an account that is open, and of one that is closed in this round; else the tick of its closing."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """What a path carries from tick to tick: trees of Cells."""

    market: Any  # state of the market model
    log_price: Any  # [A] log of fundamental over initial price
    clock: Any  # Row without ledger and outcome
    row: Any  # LadderRow; a side of a market is a ladder
    sold: Any  # [] USD liquidated in this tick
    count: Any  # [] int32 rounds of this tick


@dataclass(frozen=True)
class Book:
    """Where the accounts are in memory; every line has ``places`` numbers, a multiple of WIDTH."""

    size: Any  # [A x places]
    quote: Any  # [places]
    residual: Any  # [places] int32
    closed: Any  # [V x P x places] int32
    first: Any  # [] int32, place of this path's line in ``closed``
    places: int

    def load(self, start: Any, markets: int) -> tuple[Any, Any, Any]:
        """Accounts at WIDTH places from ``start`` [] on, what is kept of each, and the places."""
        place = start + jax.lax.broadcasted_iota(jnp.int32, LANES, 0)
        size = array_of(triton.load(self.size.at[place + np.int32(a * self.places)]) for a in range(markets))
        residual = one(triton.load(self.residual.at[place]) != np.int32(0))
        account = _tree(Alone, Cells(size, np.dtype(float)), one(triton.load(self.quote.at[place])), residual)
        return account, triton.load(self.closed.at[self.first + place]), place

    def mark(self, place: Any, new: Any, mask: Any) -> None:
        """Keep something else of accounts."""
        triton.store(self.closed.at[self.first + place], jnp.broadcast_to(new, LANES), mask=mask)


@dataclass(frozen=True)
class AccountsKernel:
    """One program of the kernel. ``job`` gives structure only."""

    job: Job
    values: dict[str, Any]  # trees of model, prices at time zero, all quotes together
    venue: Any
    book: Book
    rows: Lines  # LadderRow of every path and variant
    out: dict[str, Any]  # memory of other results
    variant: Any  # [] int32
    path: Any  # [] int32, of the block
    lane: Any  # [] uint32, of its tile
    key: Any  # of the tile
    traced: Any  # [] bool

    def run(self, first: Any) -> None:
        """From time zero to the horizon; ``first`` is the row at time zero."""
        self.close(loop(self.job.steps, self.tick, self.open(first), ()))

    def open(self, first: Any) -> State:
        """Nobody was looked at yet, so the first tick does."""
        job, venue, prices = self.job, self.venue, self.values["prices"]
        none, far = known(np.zeros(len(job.prices))), known(np.full(len(job.prices), np.inf))
        nothing = known(np.zeros(0, np.int32))
        oracle, breaker = (
            evaluate(lambda p, x: p.init(x), (part, prices), ()) for part in (venue.oracle, venue.breaker)
        )
        box = _tree(Screen, far, known(np.full(len(job.prices), -np.inf)), known(np.ones((), bool)))
        clock = _tree(Row, None, nothing, none, none, prices, oracle, breaker, box, None)
        noise = lane_noise(fold(self.key, jnp.uint32(0)), self.lane, job.model.initial_draws(), job.dtype)
        market = evaluate(lambda model, noise: model.init(noise), (self.values["model"], noise), ())
        return State(market, none, clock, first, known(np.zeros(())), known(np.zeros((), np.int32)))

    def tick(self, number: Any, state: State) -> State:
        """One tick, phase by phase."""
        noise = lane_noise(
            fold(self.key, number.astype(jnp.uint32)), self.lane, self.job.model.step_draws(), self.job.dtype
        )

        def opened(model: Any, venue: Any, prices: Any, state: State, noise: Any, number: Any) -> Any:
            market, shock = model.step(state.market, noise, number)
            log_price = state.log_price + shock.log_return
            row, tick = step.open_tick(venue, state.clock, prices * jnp.exp(log_price), shock.depth_multiplier, number)
            return replace(
                state, market=market, log_price=log_price, clock=row, sold=jnp.zeros(()), count=jnp.int32(0)
            ), tick

        arguments = (self.values["model"], self.venue, self.values["prices"], state, noise, one(number))
        state, tick = evaluate(opened, arguments, ())
        state = self.fund(state, number)
        look = evaluate(outside, (self.venue, state.clock, tick), ()).numbers[()]
        state = when(look, lambda: self.look(state, tick, number), state, ())
        self.note(state, number)
        return state

    def fund(self, state: State, number: Any) -> State:
        """Phase 3, where it is due: prices between which nobody is liquidatable are no longer known."""

        def paid(venue: Any, state: State) -> State:
            price = venue.funding.rate(state.clock.displacement) * state.clock.mark
            row = pay_crowd(state.row, price)
            row = replace(row, outside_quote=row.outside_quote - (price * row.outside_size).sum())
            box = replace(state.clock.screen, always=jnp.ones((), bool))
            return replace(state, row=row, clock=replace(state.clock, screen=box))

        due = jax.lax.rem(number, self.venue.funding.interval.numbers[()]) == np.int32(0)
        return when(due, lambda: evaluate(paid, (self.venue, state), ()), state, ())

    def look(self, state: State, tick: Any, number: Any) -> State:
        """Phases 5 to 11: rounds until nobody new acts or they are used up."""

        def turn(now: State) -> tuple[Any, State]:
            left = now.count.numbers[()] < self.venue.max_rounds.numbers[()]
            seen = self.glances(now, tick, left)
            acts = seen.acts.numbers[()]
            now = when(acts & left, lambda: self.round(now, tick, seen, number), self.seen(now, seen), ())
            return acts & left, now

        return loop_while(turn, state, ())

    def seen(self, state: State, seen: Glance) -> State:
        """The state after a look at which nobody acts, or rounds are used up: who could not act is looked at again."""

        def noted(state: State, seen: Glance) -> State:
            out = state.row.outcome
            status = jnp.where(seen.acts, jnp.maximum(out.status, ROUNDS_EXHAUSTED), out.status)
            out = replace(out, status=status, rounds=jnp.maximum(out.rounds, state.count))
            box = replace(seen.box, always=seen.box.always | seen.acts)
            return replace(state, row=replace(state.row, outcome=out), clock=replace(state.clock, screen=box))

        return evaluate(noted, (state, seen), ())

    def glances(self, state: State, tick: Any, left: Any) -> Any:
        """All accounts together; those that act are marked, if rounds are ``left`` []."""
        markets = len(self.job.prices)
        far = known(np.full(markets, -np.inf)), known(np.full(markets, np.inf))
        counts = known(np.zeros(2 * markets, np.int32))
        owed = _owed(state)
        start = _tree(
            Glance,
            known(np.zeros((), bool)),
            known(np.zeros(2 * markets)),
            counts,
            _tree(Screen, *far, known(np.zeros((), bool))),
        )

        def chunk(place: Any, sums: Glance) -> Glance:
            account, kept, where = self.book.load(place * np.int32(WIDTH), markets)
            account = replace(account, size=_masked(account.size, kept == OPEN))
            found = evaluate(glance, (self.venue, account, owed, state.clock, tick), LANES)
            self.book.mark(where, PENDING, spread(found.acts.numbers[()], LANES, bool) & left)
            return evaluate(_both, (sums, found), LANES)

        each = loop(self.book.places // WIDTH, chunk, start, LANES, first=0)
        box = _tree(Screen, _over(each.box.low, jnp.max), _over(each.box.high, jnp.min), _over(each.box.always, _any))
        return _tree(Glance, _over(each.acts, _any), _over(each.units, jnp.sum), _over(each.first, jnp.sum), box)

    def round(self, state: State, tick: Any, seen: Glance, number: Any) -> State:
        """Phases 7 to 9 and 11 of a round."""

        def sold(venue: Any, state: State, tick: Any, seen: Glance) -> Any:
            return fills(venue, _moving(venue, state), _ladder_tick(tick), seen.units)

        fill, z = evaluate(sold, (self.venue, state, tick, seen), ())

        def booked(venue: Any, state: State, tick: Any, seen: Glance, closed: Closed, fill: Any, z: Any) -> State:
            now = settled(
                venue, _moving(venue, state), _ladder_tick(tick), seen, Sale(closed, z, fill, seen.units, None)
            )
            displacement = venue.liquidity.impact.displacement(z)
            clock = replace(state.clock, z=z, displacement=displacement, mark=tick.fundamental * (1.0 + displacement))
            return replace(state, clock=clock, row=now.row, sold=now.sold, count=now.count)

        closed = self.closings(state, fill, number)
        return evaluate(booked, (self.venue, state, tick, seen, closed, fill, z), ())

    def closings(self, state: State, fill: Any, number: Any) -> Any:
        """What closing all marked accounts leaves."""
        zero, owed = known(np.zeros(())), _owed(state)

        def chunk(place: Any, sums: Closed) -> Closed:
            account, kept, where = self.book.load(place * np.int32(WIDTH), len(self.job.prices))
            mine = kept == PENDING
            found = evaluate(close, (self.venue.fees, account, owed, fill), LANES)
            self.book.mark(where, number, mine)
            parts = jax.tree.map(
                lambda cells: _masked(cells, mine), found, is_leaf=lambda leaf: isinstance(leaf, Cells)
            )
            return evaluate(lambda a, b: a + b, (sums, parts), LANES)

        each = loop(self.book.places // WIDTH, chunk, _tree(Closed, zero, zero, zero, zero, zero), LANES, first=0)
        return jax.tree.map(lambda cells: _over(cells, jnp.sum), each, is_leaf=lambda leaf: isinstance(leaf, Cells))

    def note(self, state: State, number: Any) -> None:
        """What is recorded of a tick: what was sold, a fan point of the main variant, the traced path."""
        paths, main, single = np.int32(self.job.block_paths), self.variant == np.int32(0), np.int32(1)
        if self.job.cascade.paired:
            place = (self.variant * np.int32(self.job.steps) + number - single) * paths + self.path
            triton.store(self.out["sold"].at[place], state.sold.numbers[()])
        slot, ends = fan_point(self.job, number)

        @pl.when(main & ends)
        def _() -> None:
            for a, mark in enumerate(state.clock.mark.numbers):
                place = (slot * np.int32(len(self.job.prices)) + np.int32(a)) * paths + self.path
                triton.store(self.out["fan"].at[place], mark.astype(jnp.float32))

        @pl.when(main & self.traced)
        def _() -> None:
            values = evaluate(_traced, (self.values["prices"], state), ()).numbers
            for k, value in enumerate(values):
                place = (number - single) * np.int32(len(values)) + np.int32(k)
                triton.store(self.out["trace"].at[place], jnp.asarray(value, jnp.float64))

    def close(self, state: State) -> None:
        """Sum up what open accounts own, anew, and keep the row."""
        markets, zero, owed = len(self.job.prices), known(np.zeros(())), _owed(state)

        def of_one(account: Any, owed: Any, mark: Any) -> Any:
            return owned(account, owed), sides(account.size), *lacking(account, owed, mark)

        def chunk(place: Any, sums: tuple[Any, ...]) -> Any:
            account, kept, _ = self.book.load(place * np.int32(WIDTH), markets)
            found = evaluate(of_one, (account, owed, state.clock.mark), LANES)
            parts = tuple(_masked(cells, kept == OPEN) for cells in found)
            return evaluate(lambda a, b: jax.tree.map(jnp.add, a, b), (sums, parts), LANES)

        start = (zero, known(np.zeros(2 * markets)), known(np.zeros((), np.int32)), zero)
        each = loop(self.book.places // WIDTH, chunk, start, LANES, first=0)
        quote, units, *lacks = (_over(cells, jnp.sum) for cells in each)
        arguments = (state.row, quote, units, tuple(lacks), self.values["quote_total"], state.clock.mark)
        self.rows.store(self.variant, self.path, evaluate(conserved, arguments, ()))


def _tree(kind: Any, *fields: Any) -> Any:
    """What holds arrays of one account or path, with cells in their place."""
    return kind(*fields)


def _owed(state: State) -> Any:
    """USD [A] that every unit long owes so far."""
    return evaluate(lambda shift: shift.reshape(-1, 2)[:, 0], (state.row.shift,), ())


def _moving(venue: Any, state: State) -> Moving:
    return Moving(state.row, state.clock.z, venue.keepers.capacity, state.count, state.sold)


def _ladder_tick(tick: Any) -> LadderTick:
    return LadderTick(number=tick.number, fundamental=tick.fundamental, depth=tick.depth)


def _both(a: Glance, b: Glance) -> Glance:
    """Two glances as one."""
    low, high = jnp.maximum(a.box.low, b.box.low), jnp.minimum(a.box.high, b.box.high)
    box = Screen(low, high, a.box.always | b.box.always)
    return Glance(a.acts | b.acts, a.units + b.units, a.first + b.first, box)


def _traced(prices: Any, state: State) -> Any:
    return trace_line(state.clock.mark, prices * jnp.exp(state.log_price), state.row)


def _masked(cells: Cells, mask: Any) -> Cells:
    """Numbers of the lanes of a mask, zero in the others."""
    numbers = (jnp.where(mask, spread(n, LANES, cells.dtype), np.zeros((), cells.dtype)) for n in cells.numbers.flat)
    return Cells(array_of(numbers).reshape(cells.shape), cells.dtype)


def _over(cells: Cells, reduce: Any) -> Cells:
    """Every cell reduced over lanes to a scalar."""
    numbers = (reduce(spread(n, LANES, cells.dtype)).astype(cells.dtype) for n in cells.numbers.flat)
    return Cells(array_of(numbers).reshape(cells.shape), cells.dtype)


def _any(mask: Any) -> Any:
    return jnp.max(mask.astype(jnp.int32))
