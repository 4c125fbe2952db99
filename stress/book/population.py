"""Who is in the synthetic book: the draws, before anything is scaled to a venue.

Every attribute has its own stream of the seed, so changing one share leaves the other draws alone. Draws are PCG64
uniforms and elementary functions of them: the same on every platform up to rounding errors, which the later rounding
to lots and cents hides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from stress.config.schema import SyntheticConfig

_STREAMS = ("size", "isolated", "beside", "partner", "multi", "legs", "markets", "split", "side", "hedged", "leverage",
            "entry")


@dataclass(frozen=True)
class Population:
    """Margin accounts in drawing order. Axes: ``N`` margin accounts, ``A`` markets."""

    isolated: np.ndarray  # [N] bool
    owner: np.ndarray  # [N] int, those with a cross account first; they may own one isolated position beside it
    side: np.ndarray  # [N, A] int: 1 long, -1 short, 0 no position
    weight: np.ndarray  # [N, A] size relative to others in the market and on the side, 0 where there is no position
    leverage: np.ndarray  # [N] uniform on (0, 1]: rank of the leverage among accounts of the same size
    entry: np.ndarray  # [N, A] standard normal: log entry price against the initial price


def draw_population(cfg: SyntheticConfig, accounts: int, interest: np.ndarray) -> Population:
    """``accounts`` margin accounts that choose markets in proportion to the open interest [A] in USD."""
    seeds = np.random.SeedSequence(cfg.seed).spawn(len(_STREAMS))
    random = {name: np.random.Generator(np.random.PCG64(seed)) for name, seed in zip(_STREAMS, seeds, strict=True)}
    grid = (accounts, len(interest))
    isolated = random["isolated"].random(accounts) < cfg.isolated_share
    multi = ~isolated & (random["multi"].random(accounts) < cfg.multi_market_share)
    legs = np.where(multi, _legs(random["legs"], accounts, cfg.multi_market_legs), 1)
    race = -np.log(_uniform(random["markets"], grid)) / interest  # markets race; the first is the main one
    beside = isolated & (random["beside"].random(accounts) < cfg.isolated_beside_cross)
    partner = _partners(random["partner"], beside, ~isolated & (legs < len(interest)))
    place = _places(_without_partners_markets(race, legs, partner))
    held = place < legs[:, None]

    main = np.where(random["side"].random(accounts) < cfg.long_share, 1, -1)[:, None]
    others = np.where(random["hedged"].random(accounts) < cfg.hedged_share, -main[:, 0], main[:, 0])[:, None]
    split = np.where(held, -np.log(_uniform(random["split"], grid)) + 2.0**-53, 0.0)
    wealth = _uniform(random["size"], accounts) ** (-1.0 / cfg.size_tail_index)
    return Population(
        isolated=isolated,
        owner=_owners(isolated, partner),
        side=np.where(held, np.where(place == 0, main, others), 0),
        weight=wealth[:, None] * split / split.sum(1, keepdims=True),
        leverage=_uniform(random["leverage"], accounts),
        entry=ndtri(random["entry"].random(grid) * (1 - 2.0**-53) + 2.0**-54),
    )


def _uniform(random: np.random.Generator, shape: int | tuple[int, int]) -> np.ndarray:
    """Uniform on (0, 1]."""
    return 1.0 - random.random(shape)


def _legs(random: np.random.Generator, accounts: int, mean: float) -> np.ndarray:
    """Markets of a multi-market account [N]: one more than a geometric number, with the given mean (>= 2)."""
    with np.errstate(divide="ignore"):
        failure = np.log(1.0 - 1.0 / (mean - 1.0))
    return 2 + np.floor(np.log(_uniform(random, accounts)) / failure).astype(np.int64)


def _places(race: np.ndarray) -> np.ndarray:
    """Place [N, A] of each market in its account's race, 0 the first."""
    return np.argsort(np.argsort(race, axis=1, kind="stable"), axis=1)


def _partners(random: np.random.Generator, beside: np.ndarray, free: np.ndarray) -> np.ndarray:
    """A different one [N] of the ``free`` accounts for each that is ``beside`` one, as far as they go; else -1."""
    partner = np.full(len(beside), -1)
    seekers = np.flatnonzero(beside)
    found = random.permutation(np.flatnonzero(free))[:len(seekers)]
    partner[seekers[:len(found)]] = found
    return partner


def _without_partners_markets(race: np.ndarray, legs: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """The race [N, A] in which an isolated account never gets to a market that its partner holds."""
    seekers = np.flatnonzero(partner >= 0)
    taken = (_places(race) < legs[:, None])[partner[seekers]]
    race = race.copy()
    race[seekers] = np.where(taken, np.inf, race[seekers])
    return race


def _owners(isolated: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Owner [N] of each margin account: those of cross accounts in order, then those of isolated accounts alone."""
    owner = np.empty(len(isolated), dtype=np.int64)
    first = np.concatenate([np.flatnonzero(~isolated), np.flatnonzero(isolated & (partner < 0))])
    owner[first] = np.arange(len(first))
    shared = partner >= 0
    owner[shared] = owner[partner[shared]]
    return owner
