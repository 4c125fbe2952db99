"""``python -m benchmarks.lookup``: how the ladder finds where a price falls among its accounts, against other searches.

Each search waits for the one before it, as the rounds of a path do; what the loop around it takes is subtracted.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import machine
from stress.cli.compose import load
from stress.cli.runtime import configure_jax
from stress.engine.ladder.book import Ladders, entry, sort_book
from stress.mc.program import COMPILER
from stress.protocol.margin.tiers import margin_table
from stress.types import Array

Search = Callable[[Array, Array], Array]
SIZES, SEARCHES, REPEATS = (100, 5_000, 500_000), 100_000, 7
GAP = 170
"""Most accounts that one search goes beyond its start."""
WIDE = 16


def doubling(book: Ladders) -> Search:
    """The engine's without its index: from the start on by doubling, then halving."""
    return lambda start, limit: book.nearest_not_above(0, start, limit)


def halving(book: Ladders) -> Search:
    """A plain binary search of all accounts."""
    steps = int(np.ceil(np.log2(book.key.shape[1] + 1)))
    key = jnp.pad(book.key, ((0, 0), (0, 2**steps)), constant_values=-jnp.inf)

    def search(start: Array, limit: Array) -> Array:
        def halve(k: Array, place: Array) -> Array:
            step = jnp.int32(2 ** (steps - 1)) >> k.astype(jnp.int32)
            return jnp.where(entry(key, 0, place + step - 1) > limit, place + step, place)

        return jnp.maximum(jax.lax.fori_loop(0, steps, halve, jnp.int32(0)), start)

    return search


def counting(book: Ladders) -> Search:
    """Sixteen accounts compared at once, on every level of a tree."""
    tables = [np.asarray(book.key[:1])]
    while tables[0].shape[1] > WIDE or tables[0].shape[1] % WIDE:
        top = np.pad(tables[0], ((0, 0), (0, -tables[0].shape[1] % WIDE)), constant_values=-np.inf)
        tables[0:1] = [top] if top.shape[1] == WIDE else [top[:, ::WIDE], top]
    levels = [jnp.asarray(table) for table in tables]

    def search(start: Array, limit: Array) -> Array:
        place = jnp.int32(0)
        for level in levels:
            group = jax.lax.dynamic_slice(level, (jnp.uint32(0), place.astype(jnp.uint32)), (1, WIDE))
            above = jnp.sum(group > limit, dtype=jnp.int32)
            place = place + above if level is levels[-1] else (place + jnp.maximum(above - 1, 0)) * WIDE
        return jnp.maximum(place, start)

    return search


def index(book: Ladders) -> Search:
    """The engine's: a place close before it from an index of equal parts, then as ``doubling``."""
    return lambda start, limit: book.first_not_above(0, start, limit)


def nanoseconds(search: Search, starts: np.ndarray, limits: np.ndarray) -> tuple[float, int]:
    """Time of one search, and the sum of all that were found."""

    def run(starts: Array, limits: Array) -> Array:
        def one(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
            found = search(starts[k], limits[k] + 1e-300 * state[1])
            return state[0] + found.astype(jnp.int64), found

        return jax.lax.fori_loop(0, len(starts), one, (jnp.int64(0), jnp.int32(0)))[0]

    program = jax.jit(run).lower(starts, limits).compile(compiler_options=COMPILER)
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        total = int(program(starts, limits))
        seconds.append(time.perf_counter() - start)
    return 1e9 * min(seconds) / len(starts), total


def main() -> None:
    """All searches in books of several sizes."""
    configure_jax(load([])[0].run)
    facts, rng = machine(), np.random.default_rng(0)
    print(facts["machine"], "commit", facts["commit"], "\nnanoseconds a search")
    for size in SIZES:
        broke = np.sort(rng.normal(80.0, 5.0, size))[::-1]
        flat = margin_table([np.array([np.inf])], [np.array([0.01])])
        book = sort_book(np.ones((1, size)), -broke, np.zeros(size, bool), flat)
        starts = rng.integers(0, size, SEARCHES).astype(np.int32)
        limits = broke[np.minimum(starts + rng.integers(0, GAP, SEARCHES), size - 1)]
        loop, _ = nanoseconds(lambda start, limit: start + (limit > 0).astype(jnp.int32), starts, limits)
        found = {made: nanoseconds(made(book), starts, limits) for made in (index, doubling, counting, halving)}
        assert len({total for _, total in found.values()}) == 1, "all find the same"
        times = {made.__name__: time - loop for made, (time, _) in found.items()}
        ratios = ", ".join(f"{name} {time:.1f} ({time / times['index']:.1f}x)" for name, time in times.items())
        print(f"{size:>9,} accounts: {ratios}")


if __name__ == "__main__":
    main()
