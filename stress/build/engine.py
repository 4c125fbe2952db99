"""Which engine runs a study: the ladder for all or many accounts where it is exact, the dense engine for the others."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from stress.book.schema import Book
from stress.build.price import Market
from stress.build.shocks import (
    depegs_collateral,
    freezes_oracle,
    manipulates_index,
    stops_venue,
)
from stress.config.funding import BY_SKEW
from stress.config.liquidity import BY_BOOK
from stress.config.schema import Config, ProtocolConfig
from stress.engine.ladder.book import Ladders, first_tier, sort_book, tier_room
from stress.engine.state import Accounts
from stress.errors import UserError
from stress.mc.job import Rest
from stress.protocol.liquidation.order.base import Entered
from stress.protocol.margin.base import MarginCurve
from stress.protocol.margin.tiers import MarginTable

HEADROOM = 0.02
"""Funding, as a share of the price, that an account can owe and still be liquidated in its first margin tier."""
LONGEST_DELAY = 255
"""Ticks that keepers may take on ladders: each is remembered for every path."""
PREMIUM_MOVES = "protocol.funding.premium_process: the premium moves"
SIZE_MATTERS = "protocol.margin: rates grow with the size of a position"
ENOUGH = 3_000
"""Accounts on ladders from which on both engines together are faster; their program takes 4 s longer to compile."""


def split_book(cfg: Config, book: Book, margin: MarginCurve, market: Market) -> tuple[Ladders | None, Rest | None]:
    """The accounts on ladders, and the others if there are any.

    Raises UserError when the ladder was asked for and cannot follow the venue or the book.
    """
    if cfg.run.engine == "dense":
        return None, None
    reasons = obstacles(cfg, book, margin, market)
    if reasons and cfg.run.engine == "ladder":
        raise UserError(
            "run.engine=ladder: cannot run this study, for\n- " + "\n- ".join(reasons) + "\nChange that, or use "
            "run.engine=auto, which takes the ladder wherever it is exact."
        )
    if not isinstance(margin, MarginTable):
        return None, None
    if not reasons:
        return sort_book(book.size.T, book.quote, book.residual, margin), None
    if jax.default_backend() != "cpu":
        return None, None
    alone = _fit(book, margin, market.prices)
    limited = cfg.protocol.liquidation.keeper_capacity_usd_per_minute is not None  # one queue of all accounts
    everywhere = venue_obstacles(cfg, market, book)
    if everywhere or limited or alone.sum() < ENOUGH:
        return None, None
    if alone.all():  # the dense engine needs somebody
        alone[-1] = False
    rest = _rest(book, ~alone, _in_order(cfg.protocol))
    return sort_book(book.size.T[:, alone], book.quote[alone], book.residual[alone], margin), rest


def entered(book: Book) -> Entered:
    """What orders of closing may look at."""
    return Entered(entry=jnp.asarray(book.entry.T), number=jnp.arange(len(book.owner), dtype=jnp.int32))


def _rest(book: Book, chosen: np.ndarray, ordered: bool) -> Rest:
    accounts = Accounts(
        entry=jnp.asarray(book.entry.T[:, chosen]),
        residual=jnp.asarray(book.residual[chosen]),
        quote_total=jnp.asarray(book.quote.sum()),
        entered=entered(book).of(jnp.asarray(np.flatnonzero(chosen))) if ordered else None,
    )
    return Rest(accounts, jnp.asarray(book.size.T[:, chosen]), jnp.asarray(book.quote[chosen]))


def obstacles(cfg: Config, book: Book, margin: MarginCurve, market: Market) -> list[str]:
    """Why ladders will not do alone: they need accounts whose order of liquidation never changes, and a kernel."""
    protocol = cfg.protocol
    if not isinstance(margin, MarginTable):
        return [SIZE_MATTERS, *venue_obstacles(cfg, market, book)]
    positions = (book.size != 0).sum(1)
    several = int((positions[~book.residual] > 1).sum())
    large = int(((positions == 1) & ~book.residual & ~_fit(book, margin, market.prices)).sum())
    checks = {
        f"{several} accounts hold positions in several markets": several > 0,
        f"{large} accounts are liquidated beyond the first margin tier (protocol.maintenance_margin=RATE is flat)": (
            large > 0
        ),
        "protocol.liquidation.keeper_capacity_usd_per_minute: margin tiers change the order of risk": (
            protocol.liquidation.keeper_capacity_usd_per_minute is not None
            and bool(np.isfinite(first_tier(margin)).any())
        ),
        "protocol.breaker.move: accounts wait": protocol.breaker.move is not None,
        "protocol.oracle: it lags behind the mark": _lags(protocol),
        "shocks: the oracle freezes": freezes_oracle(cfg.shocks),
    }
    everywhere = venue_obstacles(cfg, market, book)
    return [*everywhere, *(reason for reason, applies in checks.items() if applies)]


def venue_obstacles(cfg: Config, market: Market, book: Book | None = None) -> list[str]:
    """Why no account can be on a ladder."""
    protocol, step_seconds = cfg.protocol, market.step_seconds
    rules, device = protocol.liquidation, jax.default_backend()
    adl = _deleverages(protocol)
    checks = {
        f"the device is a {device}: there is no kernel for it": device not in ("cpu", "gpu"),
        "protocol.liquidation: keepers that are late or small need a CPU's ladder": device != "cpu" and _wait(protocol),
        **_dense_only(cfg, market, book),
        f"protocol.liquidation.rule={rules.rule}: only full closes accounts whole": rules.rule != "full",
        f"protocol.liquidation.keeper_delay_seconds={rules.keeper_delay_seconds:g}: more than {LONGEST_DELAY} steps": (
            rules.keeper_delay_seconds > LONGEST_DELAY * step_seconds
        ),
        f"protocol.adl.policy={protocol.adl.policy}: winners are taken by rank, or by what they have": (
            adl and protocol.adl.policy != "pro_rata"
        ),
        f"protocol.adl.price={protocol.adl.price}: winners are not paid what losers had": (
            adl and protocol.adl.price != "bankruptcy"
        ),
        "protocol.waterfall: socialised_loss is levied by profit, and no ADL comes before it": (
            "socialised_loss" in protocol.waterfall and not adl
        ),
        "shocks: collateral loses value, which changes the order of liquidation": depegs_collateral(cfg.shocks),
    }
    return [reason for reason, applies in checks.items() if applies]


def kernel_obstacles(cfg: Config, market: Market, book: Book | None = None) -> list[str]:
    """Why the dense engine cannot run as one kernel on a GPU."""
    protocol, rules = cfg.protocol, cfg.protocol.liquidation
    checks = {
        **_dense_only(cfg, market, book),
        f"protocol.liquidation.rule={rules.rule}: accounts stay that are closed in part": rules.rule != "full",
        f"protocol.liquidation.order={rules.order}: positions are closed one after another": _in_order(protocol),
        "protocol.liquidation: keepers that are late or small": _wait(protocol),
        "protocol.oracle: it lags behind the mark": _lags(protocol),
        "shocks: the oracle freezes": freezes_oracle(cfg.shocks),
        "shocks: collateral loses value": depegs_collateral(cfg.shocks),
    }
    return [reason for reason, applies in checks.items() if applies]


def _dense_only(cfg: Config, market: Market, book: Book | None) -> dict[str, bool]:
    """What neither a ladder nor a kernel follows, and whether it applies."""
    protocol, shocks, law = cfg.protocol, cfg.shocks, cfg.liquidity.law
    rules, by = protocol.liquidation, protocol.socialised_loss.by if protocol.socialised_loss else "profit"
    return {
        "protocol.contract=inverse: it is run in a mirrored market": protocol.contract == "inverse",
        f"liquidity.law={law}: prices follow the skew of the book": law in BY_BOOK,
        "price.intensity.liquidation_gain: prices answer liquidations": market.model.reactive,
        PREMIUM_MOVES: _premium_moves(protocol),
        f"protocol.funding.kind={protocol.funding.kind}: the rate follows the book": _follows_book(protocol),
        f"protocol.liquidation.limit_price={rules.limit_price}: orders may wait": rules.limit_price is not None,
        "protocol.liquidation.execution=auction: liquidators may stay away": rules.execution == "auction",
        "protocol.liquidation.window: accounts wait": rules.window is not None,
        "protocol.liquidation.settlement=fill: the fund pays for fills": rules.settlement == "fill",
        "protocol.backstop: it takes accounts over": protocol.backstop is not None,
        "protocol.insurance: the fund has rules of its own": protocol.insurance is not None,
        f"protocol.socialised_loss.by={by}: it is levied by profit there": by != "profit",
        "protocol.adl.trigger=fund_drawdown: ADL looks at the fund's peak": (
            _deleverages(protocol) and protocol.adl.trigger == "fund_drawdown"
        ),
        "run.fairness: what each account gave up is remembered": cfg.run.fairness and _deleverages(protocol),
        "protocol.collateral: coins are worth what their prices are": book is not None and book.coins is not None,
        "protocol.oracle: accounts wait for an index that can be trusted": _guarded(protocol),
        "protocol.adaptive: margin requirements change": protocol.adaptive is not None,
        "protocol.withdrawals.run: free collateral leaves accounts": _leave(protocol),
        "protocol.margin.unrealised_gain_weight: the same gain counts for less than a loss": _weighs_gains(protocol),
        "protocol.oracle.mark: the risk check has a price of its own": protocol.oracle.mark is not None,
        "protocol.liquidation.keeper_cost_usd: keepers may stay away": rules.keeper_cost_usd is not None,
        "shocks: the index is manipulated": manipulates_index(shocks),
        "shocks: the venue stands still": stops_venue(shocks),
    }


def _deleverages(protocol: ProtocolConfig) -> bool:
    """Whether there is ADL."""
    return "adl" in protocol.waterfall and protocol.adl.policy != "none"


def _premium_moves(protocol: ProtocolConfig) -> bool:
    """Whether the exogenous funding premium is a process."""
    return protocol.funding.premium_process is not None and protocol.funding.interval_hours is not None


def _follows_book(protocol: ProtocolConfig) -> bool:
    """Whether the funding rate follows the skew of the book."""
    return protocol.funding.kind in BY_SKEW and protocol.funding.interval_hours is not None


def _leave(protocol: ProtocolConfig) -> bool:
    """Whether traders may take collateral out."""
    return protocol.withdrawals is not None and protocol.withdrawals.run is not None


def _weighs_gains(protocol: ProtocolConfig) -> bool:
    """Whether unrealised gains count as margin in part."""
    return protocol.margin is not None and protocol.margin.unrealised_gain_weight is not None


def _guarded(protocol: ProtocolConfig) -> bool:
    """Whether accounts may wait for the oracle."""
    oracle = protocol.oracle
    return not (oracle.stale_after_seconds is oracle.divergence_limit is oracle.confidence is None)


def _in_order(protocol: ProtocolConfig) -> bool:
    """Whether positions of an account are closed one after another."""
    return protocol.liquidation.order not in (None, "together")


def _wait(protocol: ProtocolConfig) -> bool:
    """Whether accounts may wait for keepers."""
    rules = protocol.liquidation
    return rules.keeper_delay_seconds > 0 or rules.keeper_capacity_usd_per_minute is not None


def _lags(protocol: ProtocolConfig) -> bool:
    """Whether the oracle may lag behind the mark."""
    return protocol.oracle.lag_seconds > 0 or protocol.oracle.update_interval_seconds > 0


def _fit(book: Book, margin: MarginTable, prices: np.ndarray) -> np.ndarray:
    """Accounts [N] that a ladder can hold: of one position, which is liquidated in its first margin tier."""
    near = (tier_room(book.size.T, book.quote, margin) < HEADROOM * prices[:, None]).any(0)
    return ((book.size != 0).sum(1) == 1) & ~book.residual & ~near
