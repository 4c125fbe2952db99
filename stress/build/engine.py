"""Which engine runs a study: the ladder wherever it is exact, the dense engine elsewhere."""

from __future__ import annotations

import jax
import numpy as np

from stress.book.schema import Book
from stress.config.schema import Config, ProtocolConfig
from stress.engine.ladder.book import Ladders, sort_book, tier_room
from stress.errors import UserError
from stress.protocol.margin import MarginTable

HEADROOM = 0.02
"""Funding, as a share of the price, that an account can owe and still be liquidated in its first margin tier."""


def build_ladders(cfg: Config, book: Book, margin: MarginTable, prices: np.ndarray) -> Ladders | None:
    """The sorted book, or None where the dense engine runs; ``prices`` [A] in USD are those at time zero.

    Raises UserError when the ladder was asked for and cannot follow the venue or the book.
    """
    if cfg.run.engine == "dense":
        return None
    reasons = obstacles(cfg.protocol, book, margin, prices)
    if reasons and cfg.run.engine == "ladder":
        raise UserError(
            "run.engine=ladder: cannot run this study, for\n- " + "\n- ".join(reasons) + "\nChange that, or use "
            "run.engine=auto, which takes the ladder wherever it is exact."
        )
    return None if reasons else sort_book(book.size.T, book.quote, book.residual, margin)


def obstacles(protocol: ProtocolConfig, book: Book, margin: MarginTable, prices: np.ndarray) -> list[str]:
    """Why a ladder will not do: it needs accounts whose order of liquidation never changes, and a CPU."""
    rules, oracle, device = protocol.liquidation, protocol.oracle, jax.default_backend()
    positions = (book.size != 0).sum(1)
    several = int((positions[~book.residual] > 1).sum())
    near = (tier_room(book.size.T, book.quote, margin) < HEADROOM * prices[:, None]).any(0)
    large = int((near & (positions == 1) & ~book.residual).sum())
    adl = "adl" in protocol.waterfall and protocol.adl.policy != "none"
    checks = {
        f"the device is a {device}: the ladder is written for a CPU's caches": device != "cpu",
        f"{several} accounts hold positions in several markets": several > 0,
        f"{large} accounts are liquidated beyond the first margin tier (protocol.maintenance_margin=RATE is flat)": (
            large > 0
        ),
        f"protocol.liquidation.rule={rules.rule}: only full closes accounts whole": rules.rule != "full",
        "protocol.liquidation.keeper_delay_seconds: accounts wait": rules.keeper_delay_seconds > 0,
        "protocol.liquidation.keeper_capacity_usd_per_minute: accounts wait": (
            rules.keeper_capacity_usd_per_minute is not None
        ),
        "protocol.breaker.move: accounts wait": protocol.breaker.move is not None,
        "protocol.oracle: it lags behind the mark": oracle.lag_seconds > 0 or oracle.update_interval_seconds > 0,
        f"protocol.adl.policy={protocol.adl.policy}: winners are taken by rank": (
            adl and protocol.adl.policy != "pro_rata"
        ),
        "protocol.waterfall: socialised_loss is levied by profit, and no ADL comes before it": (
            "socialised_loss" in protocol.waterfall and not adl
        ),
    }
    return [reason for reason, applies in checks.items() if applies]
