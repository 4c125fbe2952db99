"""Price paths in NumPy: blocks of paths that stay in the caches, whole arrays [B, T] at a time where a model allows it.

Increments of the log-price are made for all steps of a block, then summed along the steps. Jumps and switches of
regime are few, so they are drawn by their number and added where they fall. Heston's variance and the bridges of the
bootstrap go step by step, in float64; all other normals are float32 (twice as fast), from SFC64, the fastest of NumPy's
bit generators. One generator and one thread a core.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.price_case import Ends, Exponentials, Normal, PriceCase

PATHS = 512
"""Paths of a block; with fewer, calls of NumPy take the time, with more, memory does."""
WIDE = 4096
"""The same, over all markets, where steps are taken one after another."""

Block = Callable[[np.random.Generator, PriceCase, int], np.ndarray]
"""Increments [A, B, T] of the log-price of a block of paths."""


def constant(rng: np.random.Generator, case: PriceCase, paths: int) -> np.ndarray:
    """Geometric Brownian motion."""
    e = _correlated(rng, case, paths)
    e *= np.float32(case.volatility * math.sqrt(case.step_years))
    e -= np.float32(0.5 * case.volatility**2 * case.step_years)
    return e


def _correlated(rng: np.random.Generator, case: PriceCase, paths: int) -> np.ndarray:
    """Correlated standard normals [A, B, T]."""
    z = rng.standard_normal((case.markets, paths, case.steps), dtype=np.float32)
    for a in reversed(range(case.markets)):  # the factor is lower triangular
        z[a] *= np.float32(case.factor[a, a])
        for b in range(a):
            z[a] += np.float32(case.factor[a, b]) * z[b]
    return z


def with_jumps(rng: np.random.Generator, case: PriceCase, e: np.ndarray) -> np.ndarray:
    """Compound Poisson jumps, compensated."""
    e -= np.float32(case.step_years * sum(rate * law.moments[2] for rate, law in case.jumps))
    cells = e[0].size
    kinds = [*[(*case.jumps[0], a) for a in range(case.markets)], *[(*jump, None) for jump in case.jumps[1:]]]
    for rate, law, market in kinds:
        count = rng.poisson(rate * case.step_years * cells)
        _add(e, market, rng.integers(cells, size=count), sizes(rng, case, law, count, market))
    return e


def sizes(
    rng: np.random.Generator, case: PriceCase, law: Normal | Exponentials, count: int, market: int | None
) -> np.ndarray:
    """Log-jumps [n] of a market, or [A, n] of all."""
    shape = (count,) if market is not None else (case.markets, count)
    if isinstance(law, Exponentials):  # of a common jump the same in all markets
        size = rng.standard_exponential(count)
        size *= np.where(rng.random(count) < law.up, 1.0 / law.eta_up, -1.0 / law.eta_down)
        return np.broadcast_to(size, shape)
    z = rng.standard_normal(shape)
    if market is None:
        shared, rho = rng.standard_normal(count), case.common_correlation
        z = math.sqrt(rho) * shared + math.sqrt(1.0 - rho) * z
    return law.mean + law.std * z


def _add(e: np.ndarray, market: int | None, cells: np.ndarray, size: np.ndarray) -> None:
    """Add sizes to the increments of a market, or of all."""
    for a in range(len(e)) if market is None else (market,):
        np.add.at(e[a].reshape(-1), cells, (size[a] if market is None else size).astype(np.float32))


def merton(rng: np.random.Generator, case: PriceCase, paths: int) -> np.ndarray:
    """Merton's and Kou's jumps."""
    return with_jumps(rng, case, constant(rng, case, paths))


def heston(rng: np.random.Generator, case: PriceCase, paths: int) -> np.ndarray:
    """Andersen's scheme (2008, section 3.2.4, proposition 9) in float64, gamma_1 = gamma_2 = 1/2; with jumps: Bates."""
    h, kappa, theta, xi, rho = case.step_years, case.kappa, case.theta, case.xi, case.rho
    decay = math.exp(-kappa * h)
    per = xi**2 / kappa * (1.0 - decay)
    slope, level = decay * per, 0.5 * theta * (1.0 - decay) * per
    half, lever, k3 = 0.5 * h * (kappa * rho / xi - 0.5), rho / xi, 0.5 * h * (1.0 - rho**2)
    k2 = half + lever
    a = k2 + 0.5 * k3
    v = np.full((case.markets, paths), theta)
    e = np.empty((case.markets, paths, case.steps), np.float32)
    factor = case.factor
    for t in range(case.steps):
        z, own = (
            (factor @ rng.standard_normal((2, case.markets, paths)))
            if case.markets > 1
            else rng.standard_normal((2, 1, paths))
        )
        mean = v * decay
        mean += theta * (1.0 - decay)
        psi = v * slope
        psi += level
        psi /= mean
        psi /= mean
        inverse = 2.0 / psi
        b2 = np.sqrt(inverse * np.maximum(inverse - 1.0, 0.0))
        b2 += inverse
        b2 -= 1.0
        root = mean / (1.0 + b2)
        moved = np.sqrt(b2)
        moved += z
        moved *= moved
        moved *= root
        room = 1.0 - 2.0 * a * root
        moment = a * b2 * root / room
        moment -= 0.5 * np.log(room)
        wild = np.flatnonzero(psi > 1.5)
        if wild.size:
            _exponential(rng, wild, psi, mean, a, moved, moment)
        x = k2 * moved
        x += (-0.5 * k3) * v
        x -= moment
        v += moved
        v *= k3
        x += np.sqrt(v, out=v) * own
        e[:, :, t] = x
        v = moved
    return with_jumps(rng, case, e) if case.jumps else e


def _exponential(
    rng: np.random.Generator,
    wild: np.ndarray,
    psi: np.ndarray,
    mean: np.ndarray,
    a: float,
    moved: np.ndarray,
    moment: np.ndarray,
) -> None:
    """The other branch of the scheme, for variances near zero."""
    ratio = psi.flat[wild]
    zero = (ratio - 1.0) / (ratio + 1.0)
    rate = (1.0 - zero) / mean.flat[wild]
    moved.flat[wild] = np.maximum(np.log((1.0 - zero) / (1.0 - rng.random(wild.size))), 0.0) / rate
    moment.flat[wild] = np.log(zero + (1.0 - zero) * rate / (rate - a))


def garch(rng: np.random.Generator, case: PriceCase, paths: int) -> np.ndarray:
    """GJR-GARCH with t shocks, bar by bar."""
    e, n = _correlated(rng, case, paths), case.bar_steps
    bar = case.volatility**2 * case.step_years * n
    omega, h = bar * (1.0 - case.alpha - 0.5 * case.gamma - case.beta), np.full((case.markets, paths), bar)
    mixing = (case.nu - 2.0) / rng.chisquare(case.nu, (case.steps // n, paths)) / n
    for k, w in enumerate(mixing):
        part = e[:, :, k * n : (k + 1) * n]
        variance = h * w
        part *= np.sqrt(variance)[..., None].astype(np.float32)
        shock = part.sum(-1)
        part -= (0.5 * variance)[..., None].astype(np.float32)
        h = omega + (case.alpha + case.gamma * (shock < 0)) * shock.astype(float) ** 2 + case.beta * h
    return e


def hawkes(rng: np.random.Generator, case: PriceCase, paths: int) -> np.ndarray:
    """Jumps kind by kind, all paths of a block from one jump to their next; then the intensity on the grid of steps."""
    e = constant(rng, case, paths)
    kinds = [*[(*case.jumps[0], a) for a in range(case.markets)], *[(*jump, None) for jump in case.jumps[1:]]]
    for rate, law, market in kinds:
        cell, late = _excited(rng, case, rate, paths)
        exposure = _exposure(case, rate, cell, late, paths)
        target = e if market is None else e[market : market + 1]
        target -= (law.moments[2] * exposure).astype(np.float32)
        _add(e, market, cell, sizes(rng, case, law, len(cell), market))
    return e


def _excited(rng: np.random.Generator, case: PriceCase, base: float, paths: int) -> tuple[np.ndarray, np.ndarray]:
    """Where jumps fall: cells of [B, T], and years left of their step. Dassios and Zhao (2013), algorithm 3.1."""
    path, time, excited = np.arange(paths), np.zeros(paths), np.zeros(paths)
    cells, late = [], []
    while path.size:
        with np.errstate(divide="ignore", invalid="ignore"):
            fading = 1.0 - case.decay * rng.standard_exponential(path.size) / excited
            by_excitation = np.where(fading > 0.0, -np.log(fading) / case.decay, np.inf)
        wait = np.minimum(by_excitation, rng.standard_exponential(path.size) / base)
        time = time + wait
        here = time < case.years
        path, time, wait, excited = path[here], time[here], wait[here], excited[here]
        excited = excited * np.exp(-case.decay * wait) + case.excitation
        step = np.minimum((time / case.step_years).astype(np.int64), case.steps - 1)
        cells.append(path * case.steps + step)
        late.append((step + 1) * case.step_years - time)
    return np.concatenate(cells), np.concatenate(late)


def _exposure(case: PriceCase, base: float, cell: np.ndarray, late: np.ndarray, paths: int) -> np.ndarray:
    """Integral of the intensity [B, T] over every step."""
    whole = -math.expm1(-case.decay * case.step_years) / case.decay
    left = np.exp(-case.decay * late)
    fresh = np.bincount(cell, case.excitation * left, paths * case.steps).reshape(paths, case.steps)
    exposure = np.bincount(cell, case.excitation * (1.0 - left) / case.decay, paths * case.steps)
    exposure = exposure.reshape(paths, case.steps) + base * case.step_years
    fade, excited = math.exp(-case.decay * case.step_years), np.zeros(paths)
    for t in range(1, case.steps):
        excited = fade * excited + fresh[:, t - 1]
        exposure[:, t] += whole * excited
    return exposure


def regime(rng: np.random.Generator, case: PriceCase, paths: int) -> np.ndarray:
    """Sojourns of all paths of a block, one after another; then the variance of every step."""
    calm, wild = case.volatilities
    share = _wild_share(rng, case, paths)
    variance = (case.step_years * (calm**2 + (wild**2 - calm**2) * share)).astype(np.float32)
    e = _correlated(rng, case, paths)
    e *= np.sqrt(variance)
    variance *= np.float32(0.5)
    e -= variance
    return e


def _wild_share(rng: np.random.Generator, case: PriceCase, paths: int) -> np.ndarray:
    """Share [B, T] of every step that is spent in the second regime."""
    path, time, wild = np.arange(paths), np.zeros(paths), rng.random(paths) >= case.calm_share
    edges = np.zeros((paths, case.steps + 2))  # of the share, summed along the steps
    while path.size:
        rates = np.where(wild, case.leave[1], case.leave[0])
        end = time + rng.standard_exponential(path.size) / rates / case.step_years
        for moment, sign in ((time, 1.0), (np.minimum(end, case.steps), -1.0)):
            step = moment.astype(np.int64)
            part = (moment - step)[wild]
            np.add.at(edges, (path[wild], step[wild]), sign * (1.0 - part))
            np.add.at(edges, (path[wild], step[wild] + 1), sign * part)
        here = end < case.steps
        path, time, wild = path[here], end[here], ~wild[here]
    return np.cumsum(edges, axis=1)[:, : case.steps]


def bootstrap(rng: np.random.Generator, case: PriceCase, paths: int) -> np.ndarray:
    """Bar by bar, step by step: blocks of geometric length, bridges as in ``stress.price.bridge`` and ``legs``."""
    bars, n, count = case.bars, case.bar_steps, case.steps // case.bar_steps
    e = np.empty((case.markets, paths, case.steps), np.float32)
    row = rng.integers(len(bars.close), size=paths)
    factor = np.linalg.cholesky(np.corrcoef(bars.close.T)) if case.markets > 1 else np.ones((1, 1))
    for bar in range(count):
        if bar:
            fresh = rng.random(paths) < 1.0 / case.mean_block
            row = np.where(fresh, rng.integers(len(bars.close), size=paths), (row + 1) % len(bars.close))
        close, high, low, variance = (table[row].T for table in (bars.close, bars.high, bars.low, bars.variance))
        low_first = rng.random(paths) < bars.first_low[row]
        first, second = np.where(low_first, low, high), np.where(low_first, high, low)
        turn, last_turn = _turns(rng, n, first, second, close, variance)
        a_step, x = np.maximum(variance, 1e-30) / n, np.zeros_like(close)
        for k in range(n):
            before, between = k < turn, k < last_turn
            target = np.where(before, first, np.where(between, second, close))
            left = np.where(before, turn, np.where(between, last_turn, n)) - float(k)
            spread = a_step * (left - 1.0) / left
            noise = factor @ rng.standard_normal(close.shape)
            y = x + (target - x) / left + np.sqrt(spread) * noise
            to_come = a_step * np.maximum(left - 1.0, 1.0)
            y = low + _kept(y - low, target - low, spread, to_come)
            y = high - _kept(high - y, high - target, spread, to_come)
            y = np.where(left > 1.0, np.clip(y, low, high), target)
            e[:, :, bar * n + k] = y - x
            x = y
    return e


def _kept(distance: np.ndarray, goal: np.ndarray, spread: np.ndarray, to_come: np.ndarray) -> np.ndarray:
    """Distance from a wall that is not crossed, a step later."""
    y = goal * np.abs(distance) / to_come
    return np.sqrt(distance**2 + 2.0 * spread / (1.0 + y * (1.0 + y * (2.0 / 3.0 + y / 3.0))))


def _turns(
    rng: np.random.Generator, n: int, first: np.ndarray, second: np.ndarray, close: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Steps [A, B] of a bar of ``n`` at both extremes; what decides is the same in all markets."""
    scale = np.sqrt(np.maximum(variance, 1e-30))
    one, two, three = np.abs(first) / scale, np.abs(second - first) / scale, np.abs(close - second) / scale
    z, u = rng.standard_normal((2, first.shape[1])), rng.random((4, first.shape[1]))
    outer = _split(one + three, two, z[0], u[0], u[1])
    root = np.sqrt(outer)
    to_first = outer * _split(one / root, three / root, z[1], u[2], u[3])
    before, after = (one > 0).astype(int), (three > 0).astype(int)
    turn = np.where(before > 0, np.clip(np.rint(n * to_first).astype(int), before, n - 1 - after), 0)
    last = np.clip(np.rint(n * (to_first + 1.0 - outer)).astype(int), turn + 1, n - after)
    return turn, np.where(after > 0, last, n)


def _split(a: np.ndarray, b: np.ndarray, z: np.ndarray, choice: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Share of the time that a leg of length ``a`` takes beside one of length ``b``."""
    a, b = np.maximum(a, 1e-6), np.maximum(b, 1e-6)
    ratio = np.where(choice < b / (a + b), _passage(a, b, z, root), 1.0 / _passage(b, a, z, root))
    return ratio / (1.0 + ratio)


def _passage(a: np.ndarray, b: np.ndarray, z: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Inverse Gaussian of mean a / b and shape a^2: Michael, Schucany and Haas (1976)."""
    mean, w = a / b, z**2 / (2.0 * a * b)
    small = mean / (1.0 + w + np.sqrt(w * (w + 2.0)))
    return np.where(root <= mean / (mean + small), small, mean * mean / small)


BLOCKS: dict[str, Block] = {
    "gbm": constant,
    "merton": merton,
    "kou": merton,
    "heston": heston,
    "bates": heston,
    "garch": garch,
    "hawkes": hawkes,
    "regime": regime,
    "bootstrap": bootstrap,
}


def block_paths(case: PriceCase) -> int:
    """Paths of a block."""
    return WIDE // case.markets if case.name in ("heston", "bates", "bootstrap") else PATHS


def prepare(case: PriceCase, cores: int) -> Callable[[int, int], Ends]:
    """A function of a seed and a number of paths, which are whole blocks."""
    size = block_paths(case)

    def work(rng: np.random.Generator, last: np.ndarray, lowest: np.ndarray) -> None:
        for start in range(0, len(last), size):
            rows = slice(start, min(start + size, len(last)))
            path = BLOCKS[case.name](rng, case, rows.stop - rows.start)
            np.cumsum(path, axis=2, out=path)
            last[rows], lowest[rows] = path[:, :, -1].T, np.minimum(path.min(axis=2), 0.0).T

    def ends(seed: int, paths: int) -> Ends:
        last, lowest = np.empty((paths, case.markets)), np.empty((paths, case.markets))
        sources = [np.random.Generator(np.random.SFC64(s)) for s in np.random.SeedSequence(seed).spawn(cores)]
        parts = [slice(k * paths // cores, (k + 1) * paths // cores) for k in range(cores)]
        with ThreadPoolExecutor(cores) as pool:
            done = [pool.submit(work, rng, last[p], lowest[p]) for rng, p in zip(sources, parts, strict=True)]
            for part in done:
                part.result()
        return Ends(last, lowest)

    return ends
