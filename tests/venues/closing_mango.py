"""Mango v4: five steps to health, and the waterfall of a bankrupt account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax.numpy as jnp

from stress.protocol.insurance.bankruptcy import Debtor, shares_of_account
from stress.protocol.liquidation.health import Account, Terms, start
from stress.protocol.liquidation.health_steps import after, reduction
from stress.protocol.stable_price import counted_price
from stress.protocol.waterfall.socialised_loss import per_unit
from tests.venues.cases import Answer

Inputs = Mapping[str, Any]


def _terms(lot: float, *numbers: float) -> Terms:
    """A market that settles in a token of one USD with weights of one."""
    return Terms(*(jnp.asarray(float(x)) for x in (*numbers, 1.0, 1.0)), lot=lot)


def partial_liquidation_size(i: Inputs) -> Inputs:
    if "stable_price" in i:
        return _at_the_oracle(i)
    row = i["liqee"]
    account = Account(*(jnp.asarray(float(row[name])) for name in ("base", "quote", "spot", "other_token")))
    terms = _terms(i["lot_size"], i["price"], i["base_asset_weight"], i["base_liab_weight"], i["overall_pnl_weight"],
                   i["base_liquidation_fee"], i["positive_pnl_liquidation_fee"])
    left = after(account, terms, reduction(account, terms, abs(i["max_base"]), i["max_pnl"]))
    return {"spot": left.token, "base": left.base, "quote": left.quote}


def _at_the_oracle(i: Inputs) -> Inputs:
    """Health at the end of a liquidation is at the oracle price, whatever the stable price."""
    account = Account(*(jnp.asarray(float(x)) for x in (i["base"], i["quote"], i["spot"], 0.0)))
    terms = _terms(1.0, i["oracle"], i["init_weight"], 2.0 - i["init_weight"], 1.0, 0.0, 0.0)
    if "max_base" not in i:
        careful = replace(terms, price=counted_price(terms.price, i["stable_price"], account.base))
        kept = replace(terms, asset_weight=jnp.asarray(i["maint_weight"]), liability_weight=2.0 - i["maint_weight"])
        kinds = {"init_health": careful, "liq_end_health": terms, "maint_health": kept}
        return {name: start(account, kind).health for name, kind in kinds.items()}
    left = after(account, terms, reduction(account, terms, i["max_base"], jnp.asarray(float(i["max_pnl"]))))
    return {"base": left.base, "liq_end_health": start(left, terms).health}


def bankruptcy_waterfall(i: Inputs) -> Inputs:
    row, price = i["liqee"], i["settle_price"]
    owned, owed = price * i["settle_token_asset_weight"], price * i["settle_token_liab_weight"]
    token, loss, other = (jnp.asarray(float(x)) for x in (row["settle_token"], -row["perp_quote"], row["other_token"]))
    if loss <= 0:
        return {"outcome": "error"}
    found = shares_of_account(Debtor(token, loss, other, i["settle_limit"]), owned, owed, i["max_liab_transfer"], price,
                              i["insurance_token_price"], i["insurance_fund_tokens"], step=1.0)
    return {
        "liqee_token": token - found.settled,
        "liqee_perp": -loss + found.settled + found.insured + found.socialised,
        "liqor_token": found.settled,
        "liqor_perp": -found.settled - found.insured,
        "liqor_insurance": found.paid,
        "socialised": per_unit(found.socialised, 0.0, i["open_interest"], 0.0),
    }


ANSWERS: dict[tuple[str, str], Answer] = {
    ("mango_v4", "bankruptcy_waterfall"): bankruptcy_waterfall,
    ("mango_v4", "partial_liquidation_size"): partial_liquidation_size,
}
