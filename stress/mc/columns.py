"""From block results to the columns of ``paths.parquet``: host arrays, one value a path."""

from __future__ import annotations

import numpy as np

from stress.engine.state import OK
from stress.mc.block import BlockResult
from stress.protocol.adl.fairness import Fairness
from stress.protocol.backstop import Vault
from stress.protocol.coins import SoldCoins
from stress.protocol.insurance.fund import Funds
from stress.protocol.withdrawals import Withdrawn
from stress.types import NEVER, Array
from stress.units import HOURS_PER_YEAR, SECONDS_PER_YEAR

MONEY = {
    "bad_debt": "bad_debt",
    "insolvent_notional": "insolvent",
    "insurance_paid": "insurance_paid",
    "adl_haircut": "adl_haircut",
    "socialised_loss": "socialised",
    "uncovered": "uncovered",
    "fees_to_fund": "fees_to_fund",
    "adl_notional": "adl_notional",
    "adl_residual_notional": "adl_residual",
    "max_displacement": "max_displacement",
    "unrealised_bad_debt": "unrealised",
}
"""Column of the main variant by outcome field."""
COUNTS = {
    "liquidated_accounts": "liquidated_accounts",
    "adl_accounts": "adl_accounts",
    "rounds": "rounds",
    "displacement_capped": "capped",
    "underwater_accounts": "under_water",
}

FAIRNESS = {
    "adl_hit_share": "hit_share",
    "adl_largest_haircut": "largest",
    "adl_gini": "gini",
    "adl_cost": "cost",
    "adl_needed": "needed",
}
"""Column by field of ``protocol.adl.fairness.Fairness``, where it is asked for."""


def path_columns(
    result: BlockResult,
    first_path: int,
    fund: float,
    markets: list[str],
    variants: tuple[str, ...],
    step_seconds: float,
    capital: float = np.inf,
) -> dict[str, np.ndarray]:
    """Columns of one block; ``capital`` is the backstop's.

    NaN stands for null: companions that did not run, times of events that did not happen.
    """
    out, main = result.outcome, 0
    depletion = np.asarray(out.depletion_tick)[main]
    depleted = depletion != NEVER
    paths = len(depletion)
    liquidated = np.asarray(out.liquidated)  # [V, B, A, 2]
    total = liquidated.sum((2, 3))
    none = np.full(paths, np.nan)
    twin = total[variants.index("twin")] if "twin" in variants else none
    drawdown = np.asarray(out.drawdown)[variants.index("unlimited")] if "unlimited" in variants else none
    columns = {
        "path": np.arange(first_path, first_path + paths),
        "depleted": depleted,
        "time_to_depletion_hours": np.where(
            depleted, depletion * (step_seconds / SECONDS_PER_YEAR) * HOURS_PER_YEAR, np.nan
        ),
        "fund_end": fund + np.asarray(result.fund_flow)[main],
        "fund_drawdown": drawdown,
        "liquidated_notional": total[main],
        "liquidated_notional_twin": twin,
        "amplification": np.divide(total[main], twin, out=none.copy(), where=twin > 0),
        "cascade": np.asarray(result.cascade) if "twin" in variants else none,
        "status": _status(out.status),
        "simulated_anew": np.asarray(result.anew),
        "log_weight": np.zeros(paths),
    }
    columns |= {name: np.asarray(getattr(out, field))[main] for name, field in (MONEY | COUNTS).items()}
    columns |= {f"liquidated_{m}": liquidated[main, :, a].sum(-1) for a, m in enumerate(markets)}
    if result.vault is not None:
        columns |= _backstop(result.vault, capital)
    if result.funds is not None:
        columns |= _funds(result.funds, markets, variants)
    if result.fairness is not None:
        columns |= _fairness(result.fairness)
    if result.sold_coins is not None:
        columns |= _coins(result.sold_coins, markets)
    if result.blocked is not None:
        hours = step_seconds / SECONDS_PER_YEAR * HOURS_PER_YEAR
        columns["oracle_blocked_hours"] = np.asarray(result.blocked)[main] * hours
    if result.factor is not None:
        columns["margin_multiplier"] = np.asarray(result.factor)[main]
    if result.withdrawn is not None:
        columns |= _withdrawn(result.withdrawn, step_seconds)
    columns["cash_residual"] = np.asarray(out.cash_residual).max(0)
    columns["contracts_residual"] = np.asarray(out.contracts_residual).max(0)
    return columns


def _backstop(vault: Vault, capital: float) -> dict[str, np.ndarray]:
    """Columns of the backstop: what it took over, and the most it was down, in USD."""
    loss = -np.asarray(vault.low)[0]
    return {"taken_over": np.asarray(vault.taken)[0], "backstop_loss": loss, "backstop_depleted": loss > capital}


def _funds(funds: Funds, markets: list[str], variants: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Columns of funds with rules of their own: which were depleted, their drawdowns, what depositors took, in USD."""
    depleted = np.asarray(funds.depleted)[0] != NEVER
    each = depleted.shape[1] > 1
    columns = {f"depleted_{m}": depleted[:, a] for a, m in enumerate(markets)} if each else {}
    if each and "unlimited" in variants:
        drawdown = np.asarray(funds.drawdown)[variants.index("unlimited")]
        columns |= {f"fund_drawdown_{m}": drawdown[:, a] for a, m in enumerate(markets)}
    if funds.queue is not None:
        columns["withdrawn"] = np.asarray(funds.queue.taken)[0]
    return columns


def _fairness(fairness: Fairness) -> dict[str, np.ndarray]:
    """Columns of how ADL treated those in profit, NaN where there was none."""
    return {name: np.asarray(getattr(fairness, field))[0] for name, field in FAIRNESS.items()}


def _coins(sold: SoldCoins, markets: list[str]) -> dict[str, np.ndarray]:
    """Columns of collateral in coins: what was sold of it, in USD and in units of each."""
    units = {f"coins_sold_{m}": np.asarray(sold.units)[0, :, a] for a, m in enumerate(markets)}
    return {"coins_sold": np.asarray(sold.value)[0], **units}


def _withdrawn(withdrawn: Withdrawn, step_seconds: float) -> dict[str, np.ndarray]:
    """Columns of a run of traders: what left accounts, when the run began if it did, how long the gate was shut."""
    hours, began = step_seconds / SECONDS_PER_YEAR * HOURS_PER_YEAR, np.asarray(withdrawn.began)[0]
    return {
        "collateral_withdrawn": np.asarray(withdrawn.taken)[0],
        "withdrawal_run": began != NEVER,
        "time_to_run_hours": np.where(began != NEVER, began * hours, np.nan),
        "gate_shut_hours": np.asarray(withdrawn.shut_ticks)[0] * hours,
    }


def _status(status: Array) -> np.ndarray:
    """Status of a path: the worst over its variants."""
    return np.maximum(np.asarray(status).max(0), OK).astype(np.int8)
