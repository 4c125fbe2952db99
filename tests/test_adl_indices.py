"""Two numbers a side say what pro-rata ADL did to every account, however many rounds it had and whenever it entered."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from stress.protocol.adl.base import AdlCase, Standing
from stress.protocol.adl.indices import SideIndices, deleveraged, first_indices, held, received
from stress.protocol.adl.pro_rata import ProRata

ACCOUNTS, EVENTS, MARKETS = 30, 25, 2


def standing(size: np.ndarray) -> Standing:
    """What pro rata does not look at is zero."""
    none, flat = np.zeros(size.shape[1]), np.zeros_like(size)
    arrays = size, flat, none, none > 0, np.ones(MARKETS), np.ones(MARKETS), flat, np.zeros(0, int), 1
    return Standing(*map(jnp.asarray, arrays))


def event(rng: np.random.Generator, size: np.ndarray) -> AdlCase:
    """Losers that hold no position here are closed against a part of each side, at some price."""
    room = np.stack([np.maximum(-size, 0.0), np.maximum(size, 0.0)])
    need, price = np.zeros_like(room), np.zeros_like(size)
    need[..., 0] = room.sum(-1) * rng.uniform(0.0, 0.4, room.shape[:-1])
    price[:, 0] = rng.uniform(50.0, 150.0, MARKETS)
    return AdlCase(*map(jnp.asarray, (need, price, room)), standing(size))


@pytest.mark.parametrize("seed", range(4))
def test_indices_are_pro_rata(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, cash = np.zeros((MARKETS, ACCOUNTS)), np.zeros(ACCOUNTS)
    sides = first_indices((2, MARKETS))  # shorts, longs
    entries: dict[tuple[int, int], tuple[float, SideIndices]] = {}
    for _ in range(EVENTS):
        for n in range(ACCOUNTS):  # some enter
            for a in range(MARKETS):
                if size[a, n] == 0 and rng.random() < 0.1:
                    size[a, n] = rng.normal() * 10.0
                    entries[a, n] = (size[a, n], one(sides, a, size[a, n]))
        case = event(rng, size)
        match = ProRata().match(case)
        taken, paid = np.asarray(match.taken), np.asarray(match.paid)
        size = size - (taken[1] - taken[0])
        cash = cash + (paid[1] - paid[0]).sum(0)
        sides = deleveraged(sides, *(jnp.asarray(x.sum(-1)) for x in (taken, paid, np.asarray(case.room))))
    brought = np.zeros(ACCOUNTS)
    for (a, n), (entered, entry) in entries.items():
        now = one(sides, a, entered)
        assert float(held(jnp.asarray(entered), entry, now)) == pytest.approx(size[a, n], rel=1e-11)
        brought[n] += float(received(jnp.asarray(entered), entry, now))
    np.testing.assert_allclose(brought, cash, rtol=1e-10, atol=1e-8)
    assert len(entries) > ACCOUNTS and (np.asarray(sides.scale) < 0.1).all(), "many events of which some entered late"


def one(sides: SideIndices, a: int, size: float) -> SideIndices:
    """The indices of a market's side."""
    side = int(size > 0)
    return SideIndices(sides.scale[side, a], sides.cash[side, a])
