"""Price impact: the mean over a walk against quadrature, exactness under slicing, what depth may and may not move."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from stress.build.price import Market
from stress.build.study import assemble
from stress.liquidity.book import Liquidity
from stress.liquidity.impact import SMALL_FLOW, Impact
from stress.mc.block import BlockResult
from stress.price.base import Shock
from stress.types import Array
from tests.reference.building import Row, make_book, near
from tests.studies import config, margins, padded, simulated

CAP = 0.04
EXPONENTS = [0.5, 0.875, 1.0, 1.5]
LAWS = {0.5: "square_root", 1.0: "linear"}
WALKS = [
    (0.0, 4.0),
    (-3.0, 5.0),
    (8.0, 2.0),
    (-9.0, -0.5),
    (-30.0, 25.0),
    (3.0, 3.0),
    (2.0, 2.0 + 1e-9),
    (0.0, 1e-12),
    (-1e-4, 1e-4),
    (1e6, 1e6 + 1.0),
    (-500.0, 0.0),
]


def impact(gamma: float, cap: float = CAP) -> Impact:
    return Impact(
        active=jnp.asarray(1.0), exponent=jnp.asarray(gamma), cap=jnp.asarray(cap), law=LAWS.get(gamma, "power")
    )


def law(z: float, gamma: float, cap: float = CAP) -> float:
    """X(z) as the page says it."""
    return -float(np.sign(z)) * min(0.01 * abs(z) ** gamma, cap)


@pytest.mark.parametrize("gamma", EXPONENTS)
@pytest.mark.parametrize(("start", "end"), WALKS)
def test_mean_displacement_is_the_quadrature(gamma: float, start: float, end: float) -> None:
    """Through sign changes and the cap; a walk of no length has the displacement itself."""
    ours = float(impact(gamma).mean_displacement(jnp.asarray(start), jnp.asarray(end)))
    if start == end:
        assert ours == float(impact(gamma).displacement(jnp.asarray(start)))
        return
    knee = (CAP / 0.01) ** (1 / gamma)
    kinks = sorted(
        {start, end, *(x for x in (-knee, 0.0, knee) if min(start, end) < x < max(start, end))}, reverse=end < start
    )
    area = sum(quad(law, a, b, args=(gamma,), epsabs=1e-14, epsrel=1e-13)[0] for a, b in itertools.pairwise(kinks))
    tiny = abs(end - start) <= SMALL_FLOW * (
        1 + abs(start)
    )  # taken at its middle: off by a hundred-millionth of the price
    assert ours == pytest.approx(area / (end - start), rel=1e-9, abs=2e-8 if tiny else 1e-11)


@pytest.mark.parametrize("gamma", EXPONENTS)
def test_displacement(gamma: float) -> None:
    z = np.array([-1e3, -7.0, -1.0, 0.0, 0.3, 1.0, 2.5, 1e5])
    np.testing.assert_allclose(
        impact(gamma).displacement(jnp.asarray(z)), [law(x, gamma) for x in z], rtol=1e-14, atol=0
    )
    capped = np.asarray(impact(gamma).capped(jnp.asarray(z)))
    np.testing.assert_array_equal(capped, 0.01 * np.abs(z) ** gamma > CAP)
    off = dataclasses.replace(impact(gamma), active=jnp.asarray(0.0))
    assert not np.asarray(off.displacement(jnp.asarray(z))).any() and not np.asarray(off.capped(jnp.asarray(z))).any()
    assert not np.asarray(off.mean_displacement(jnp.asarray(z), jnp.asarray(z + 5.0))).any()


def liquidity(gamma: float, **changes: Any) -> Liquidity:
    numbers = {"depth": jnp.array([2e5]), "half_spread": 0.0, "decay": 1.0, "withdrawal": 0.0} | changes
    return Liquidity(impact=impact(gamma), **{name: jnp.asarray(value) for name, value in numbers.items()})


@pytest.mark.parametrize("gamma", EXPONENTS)
@pytest.mark.parametrize("slices", [2, 7, 1000])
def test_mark_and_cash_do_not_depend_on_slices(gamma: float, slices: int) -> None:
    """One flow, or the same in pieces of any size and sign."""
    book, fundamental, depth = liquidity(gamma), jnp.array([50.0]), jnp.array([2e5])
    rng = np.random.default_rng(slices)
    flows = rng.normal(0.0, 3e4, slices) / slices**0.5
    flows[-1] += 2.5e4 - flows.sum()
    walk = jax.jit(book.walk)
    z0 = jnp.array([-0.7])
    price, end = walk(z0, jnp.array([2.5e4]), fundamental, depth)
    z, cash = z0, 0.0
    for flow in flows:
        paid, z = walk(z, jnp.array([flow]), fundamental, depth)
        cash += flow * float(paid[0])
    assert float(z[0]) == pytest.approx(float(end[0]), rel=1e-12)
    assert float(book.impact.displacement(z)[0]) == pytest.approx(float(book.impact.displacement(end)[0]), rel=1e-12)
    assert cash == pytest.approx(2.5e4 * float(price[0]), rel=1e-11)


def test_depth_withdraws_and_follows_the_regime() -> None:
    book = liquidity(1.0, withdrawal=20.0)
    assert float(book.depth_now(jnp.asarray(0.25), jnp.array([-0.05]))[0]) == near(2e5 * 0.25 / 2)
    assert float(book.depth_now(jnp.asarray(1.0), jnp.array([0.0]))[0]) == near(2e5)


# --- through the engine ----------------------------------------------------------------------------------------------
@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scripted:
    """Prices and depth multipliers, tick by tick."""

    prices: Array  # [T + 1, 1]
    depth: Array  # [T]

    @property
    def reactive(self) -> bool:
        return False

    def initial_draws(self) -> dict[str, Any]:
        return {}

    def step_draws(self) -> dict[str, Any]:
        return {}

    def init(self, noise: Any) -> tuple[()]:
        return ()

    def step(
        self, state: tuple[()], noise: Any, tick: Array, flow: Array | None = None
    ) -> tuple[tuple[()], Shock]:
        return state, Shock(jnp.log(self.prices[tick] / self.prices[tick - 1]), self.depth[tick - 1])


A, B, S = ("A", 150.0, {"X": (20.0, 100.0)}), ("B", 160.0, {"X": (10.0, 100.0)}), ("S", 5000.0, {"X": (-30.0, 100.0)})
TICKS, ACCOUNTS = 8, 5
"""All cases are filled up to these, so they share a program: the last price stays, and flat accounts do nothing."""


def simulate(rows: list[Row], path: list[float], depth: list[float] | None = None, **liquidity: Any) -> BlockResult:
    """The venue at a maintenance rate of 2 % on a scripted path [T + 1] with depth multipliers [T]."""
    cfg = config(
        protocol={"maintenance_margin": 0.02, "insurance_fund": 1e6},
        run={"paths": 128, "block_paths": 128},
        liquidity=liquidity,
    )
    prices = np.array(path + path[-1:] * (TICKS + 1 - len(path)))[:, None]
    multiplier = np.array((depth or []) + [1.0] * (TICKS - len(depth or [])))
    market = Market(Scripted(jnp.asarray(prices), jnp.asarray(multiplier)), prices[0], TICKS, 60.0, ())
    (result,) = simulated(assemble(cfg, market, padded(make_book(rows), ACCOUNTS), *margins(cfg)))
    assert (result.outcome.liquidated_accounts > 0).all()
    return result


def displaced(result: BlockResult) -> np.ndarray:
    """Marks over fundamentals [T] of one lane."""
    return (result.trace["mark"] / result.trace["fundamental"])[:, 0]


def test_a_change_of_depth_alone_never_moves_the_mark() -> None:
    """A is sold at tick 2; whatever depth does afterwards, the displacement stays until something is sold."""
    path, law = [100.0, 99.0, 93.9, 93.9, 95.0, 94.5, 94.0], {"law": "power", "exponent": 0.875, "depth_usd": 5e3}
    still = displaced(simulate([A, B, S], path, **law))
    np.testing.assert_allclose(still[1:], still[1], rtol=0, atol=1e-14)
    assert still[0] == 1.0 and still[1] < 0.999
    for depth in ([1.0, 1.0, 0.1, 7.0, 0.01, 2.0], [3.0, 1.0, 0.1, 7.0, 0.01, 2.0]):  # after the sale, and before it
        np.testing.assert_array_equal(displaced(simulate([A, B, S], path, depth, **law)), still)
    thin = displaced(simulate([A, B, S], path, [1.0, 0.5], **law))
    assert 1 - thin[1] == near((1 - still[1]) * 2**0.875)  # but the depth at the sale counts


def test_displacement_recovers_with_its_half_life() -> None:
    """z halves every two ticks: X = 0.01 z^gamma falls by 2^(-gamma k / 2) after k ticks; depth plays no part."""
    law = {"law": "power", "exponent": 0.875, "depth_usd": 5e3, "recovery_half_life_minutes": 2.0}
    left = 1 - displaced(simulate([A, B, S], [100.0, 93.9, 94.5], [1.0, 0.2, 5.0, 1.0, 0.1, 1.0, 3.0], **law))
    np.testing.assert_allclose(left, left[0] * 2.0 ** (-0.875 * np.arange(TICKS) / 2), rtol=1e-11, atol=0)


@pytest.mark.parametrize("exponent", [0.5, 0.875, 1.0])
def test_cash_does_not_depend_on_how_many_rounds_a_flow_takes(exponent: float) -> None:
    """Two longs that fall in one tick: the second because of the first, or with it. Same mark, same total cash."""
    found = []
    for cash in (100.0, 80.0):
        out = simulate(
            [A, ("B", cash, {"X": (10.0, 100.0)}), S], [100.0, 92.5], law="power", exponent=exponent, depth_usd=1e3
        )
        found.append((int(out.outcome.rounds[0, 0]), out.trace["mark"][0, 0], out.outcome.liquidated[0, 0, 0, 0]))
    (first, mark, sold), (second, same_mark, same_sold) = found
    assert (first, second) == (2, 1)
    assert same_mark == near(mark) and same_sold == near(sold) and mark < 92.5 * 0.99


def test_longs_and_shorts_net_before_they_move_the_price() -> None:
    rows: list[Row] = [
        A,
        ("B", 100.0, {"X": (-20.0, 86.0)}),
        ("S", 5000.0, {"X": (0.5, 100.0)}),
        ("T", 5000.0, {"X": (-0.5, 100.0)}),
    ]
    out = simulate(rows, [100.0, 93.0], law="linear", depth_usd=1e4).outcome
    assert out.liquidated_accounts[0, 0] == 2 and out.max_displacement[0, 0] == 0
    np.testing.assert_array_equal(out.liquidated[0, 0, 0], [20 * 93.0, 20 * 93.0])


@pytest.mark.parametrize(("cap", "hits"), [(0.02, 1), (0.9, 0)])
def test_hits_of_the_cap_are_counted(cap: float, hits: int) -> None:
    rows: list[Row] = [A, ("S", 5000.0, {"X": (-20.0, 100.0)})]
    out = simulate(rows, [100.0, 93.0], law="linear", depth_usd=500.0, max_displacement=cap).outcome
    assert out.capped[0, 0] == hits
    assert out.max_displacement[0, 0] == near(min(cap, 0.01 * 20 * 93 / 500))


@pytest.mark.parametrize("gamma", LAWS)
def test_laws_without_powers_are_the_power_law(gamma: float) -> None:
    z = jnp.asarray([-30.0, -4.0, -0.3, 0.0, 1e-7, 2.0, 16.0, 50.0])
    general, special = dataclasses.replace(impact(gamma), law="power"), impact(gamma)
    np.testing.assert_allclose(special.displacement(z), general.displacement(z), rtol=1e-14)
    np.testing.assert_allclose(special.uncapped(z), general.uncapped(z), rtol=1e-14)
    np.testing.assert_allclose(
        special.mean_displacement(z[:-1], z[1:]), general.mean_displacement(z[:-1], z[1:]), rtol=1e-12
    )
    np.testing.assert_array_equal(special.capped(z), general.capped(z))
