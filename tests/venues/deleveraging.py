"""ADL queues and pairs out of accounts as the cases write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from stress.protocol.adl.base import AdlCase, AdlMatch, Standing
from stress.protocol.adl.bitmex import queue_place
from stress.protocol.adl.pair import no_riskier, traded, valid_transition
from stress.protocol.adl.random import valid_pairs
from stress.protocol.adl.ranked import closed_of_queue, fill_by_rank, only
from stress.protocol.liquidation.prices import bankruptcy_price, bankruptcy_quote, closes
from tests.venues.ledger import QUANTUM

Inputs = Mapping[str, Any]
Positions = list[dict[str, Any]]


def equity(collateral: float, positions: Positions) -> Any:
    """USD at oracle prices."""
    return jnp.asarray(collateral + sum(p["size"] * p["oracle_price"] for p in positions))


def margins(positions: Positions) -> tuple[float, float]:
    """Initial and maintenance requirement in USD."""
    notionals = [abs(p["size"]) * p["oracle_price"] for p in positions]
    initial = sum(n * p["initial_margin_fraction"] for n, p in zip(notionals, positions, strict=True))
    return initial, sum(_maintenance(p) for p in positions)


def pair_transfer(x: Inputs) -> Inputs:
    """One position closed against another at the bankruptcy price of the first, or at the oracle's."""
    loser, winner = x["liquidated"], x["offsetting"]
    units, first = x["delta_btc"], loser["positions"][0]
    price = _rounded(loser, first, units) if x["price_rule"].startswith("bankruptcy") else first["oracle_price"]
    allowed, states = [], {}
    for name, account, bought in (("liquidated", loser, units), ("offsetting", winner, -units)):
        after, sizes = _traded(account, bought, price)
        allowed += [closes(jnp.asarray(account["positions"][0]["size"]), bought), _valid(account, after)]
        states[name] = {"collateral_usd": after["collateral_usd"], "positions": sizes}
    return {**states, "outcome": "ok"} if all(allowed) else {"outcome": "error"}


def state_transition(x: Inputs) -> Inputs:
    """Of an account that is not well collateralised after it."""
    names = "oldNC", "oldMMR", "newNC", "newMMR"
    valid = bool(no_riskier(*(jnp.asarray(float(x[name])) for name in names)))
    refused = "NewlyUndercollateralized" if x["oldNC"] >= x["oldIMR"] else "StillUndercollateralized"
    return {"result": "Success" if valid else refused, "valid": valid}


def _price(account: Inputs, position: Inputs) -> Any:
    share = _maintenance(position) / margins(account["positions"])[1]
    own = equity(account["collateral_usd"], account["positions"])
    return bankruptcy_price(position["oracle_price"], jnp.asarray(position["size"]), own, share)


def _rounded(account: Inputs, position: Inputs, bought: float) -> Any:
    """Bankruptcy price at which ``bought`` units cost a whole number of quantums; dYdX's is of the cash that moves."""
    share = abs(bought) * position["oracle_price"] * position["maintenance_margin_fraction"]
    share /= margins(account["positions"])[1]
    own = equity(account["collateral_usd"], account["positions"])
    return -bankruptcy_quote(-bought * position["oracle_price"], own, share, QUANTUM) / bought


def _maintenance(position: Inputs) -> float:
    return abs(position["size"]) * position["oracle_price"] * position["maintenance_margin_fraction"]


def _traded(account: Inputs, bought: float, price: Any) -> tuple[dict[str, Any], dict[str, float]]:
    first, *others = account["positions"]
    quote, size = traded(account["collateral_usd"], first["size"], bought, price)
    left = [p for p in ({**first, "size": size}, *others) if p["size"] != 0]
    return {"collateral_usd": quote, "positions": left}, {p["market"]: p["size"] for p in left}


def _valid(before: Inputs, after: Inputs) -> Any:
    old, new = (equity(a["collateral_usd"], a["positions"]) for a in (before, after))
    initial, maintenance = margins(after["positions"])
    return valid_transition(old, margins(before["positions"])[1], new, initial, maintenance)


def offset_queue(x: Inputs) -> Inputs:
    """dYdX's queue in the order of the list."""
    names = list(x["accounts"])
    case = _case(x, names)
    order = -jnp.arange(len(names), dtype=float)
    match = fill_by_rank(only(case, valid_pairs(case)), jnp.broadcast_to(order, case.standing.size.shape))
    return _states(x, names, case, match)


def _case(x: Inputs, names: list[str]) -> AdlCase:
    accounts = list(x["accounts"].values())
    markets = [x["market"], *sorted({p["market"] for a in accounts for p in a["positions"]} - {x["market"]})]
    table = np.zeros((4, len(markets), len(names)))  # size, oracle price, requirement, bankruptcy price
    for n, account in enumerate(accounts):
        for p in account["positions"]:
            table[:, markets.index(p["market"]), n] = p["size"], p["oracle_price"], _maintenance(p), _price(account, p)
    size, price = table[0], table[1].max(1)
    loser = names.index(x["liquidated"])
    need, first = np.zeros((2, *size.shape)), np.arange(len(markets)) == 0
    need[0 if size[0, loser] > 0 else 1, 0, loser] = abs(x["delta"])
    room = np.where(first[:, None], np.stack([np.maximum(-size, 0), np.maximum(size, 0)]), 0.0)
    quote = np.array([float(a["collateral_usd"]) for a in accounts])
    standing = Standing(*map(jnp.asarray, (size, np.zeros_like(size), quote, np.zeros(len(names), bool), price, price,
                                           table[2], np.argsort(np.arange(len(names)) != loser, kind="stable"), 1)))
    return AdlCase(*map(jnp.asarray, (need, table[3], room)), standing)


def _states(x: Inputs, names: list[str], case: AdlCase, match: AdlMatch) -> Inputs:
    taken, standing = np.asarray(match.taken.sum(0)), case.standing
    lost = np.asarray((case.need * match.matched[..., None]).sum(0))
    paid = np.asarray(match.paid.sum(0))
    toward = -np.sign(np.asarray(standing.size)) * (lost + taken)
    quote = np.asarray(standing.quote) - (-np.sign(standing.size) * (lost * np.asarray(case.price) + paid)).sum(0)
    size = np.asarray(standing.size) + toward
    markets = [x["market"], *sorted({p["market"] for a in x["accounts"].values() for p in a["positions"]} - {x["market"]})]
    return {
        "fills": {name: taken[0, n] for n, name in enumerate(names) if taken[0, n] > 0},
        "remaining": abs(x["delta"]) - taken.sum(),
        "subaccounts": {
            name: {"collateral_usd": quote[n], "positions": {m: size[a, n] for a, m in enumerate(markets) if size[a, n]}}
            for n, name in enumerate(names)
        },
    }


def bitmex_queue(x: Inputs) -> Inputs:
    """Longs by their score against one bankrupt short, at its bankruptcy price."""
    longs = x["longs"]
    room, score = (jnp.array([row[name] for row in longs], float) for name in ("qty", "score"))
    loser = (jnp.asarray(float(x[name])) for name in ("bankrupt_short_qty", "bankruptcy_price"))
    taken, paid = closed_of_queue(*loser, room, score)
    closed = {str(row["account"]): units for row, units in zip(longs, taken, strict=True) if units > 0}
    return {"closed": closed, "price": paid.sum() / taken.sum()}


def bitmex_places(x: Inputs) -> Inputs:
    """What share of the longs, at least, is not behind each."""
    places = queue_place(*(jnp.array([row[name] for row in x["longs"]], float) for name in ("score", "qty")))
    return {"percentile": {str(row["account"]): 100.0 * place for row, place in zip(x["longs"], places, strict=True)}}
