"""What a simulated setting offers, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stress.book.inverse import mirrored
from stress.book.margin import requirement, shortfall
from stress.build.study import Study
from stress.config.schema import ProtocolConfig
from stress.decisions.desk import Run
from stress.decisions.frontier.dominance import Point
from stress.mc.estimators.intervals import Metric
from stress.mc.estimators.means import mean
from stress.mc.estimators.quantiles import quantile

INSOLVENT = "insolvent_notional"


@dataclass(frozen=True)
class Payer:
    """Who carries losses first, and the columns that say how it fared."""

    name: str
    event: str  # whether it was depleted
    loss: str  # USD that it must have held
    holds: float | None  # USD at the start


def payer_of(protocol: ProtocolConfig) -> Payer:
    """The backstop where it takes bankrupt accounts over, which then leave no deficit; else the insurance fund."""
    backstop = protocol.backstop
    if backstop is not None and backstop.takes_bankrupt:
        return Payer("backstop", "backstop_depleted", "backstop_loss", backstop.capital_usd)
    return Payer("insurance fund", "depleted", "fund_drawdown", protocol.insurance_fund)


def leverage_by_market(study: Study) -> np.ndarray:
    """Most leverage [A] that a small position is offered: one over the initial rate of the first tier."""
    none = np.zeros(len(study.markets))
    return 1.0 / np.asarray(study.initial.marginal(none, none), dtype=np.float64)


def average_leverage(study: Study, interest: np.ndarray) -> float:
    """The same over all markets, weighted by open interest [A]."""
    return float((leverage_by_market(study) * interest).sum() / interest.sum())


def point_of(run: Run, payer: Payer, interest: np.ndarray) -> Point:
    """The setting as it is judged."""
    return Point(average_leverage(run.study, interest), run.paths, payer.event, INSOLVENT)


def measured(run: Run, payer: Payer, interest: np.ndarray, target: float) -> dict[str, Any]:
    """Leverage offered, risks with intervals, required fund, capital efficiency, who is under water at once."""
    study, paths = run.study, run.paths
    event = "depletion_probability" if payer.event == "depleted" else "backstop_depletion_probability"
    required = required_fund(run, payer, target)
    leverage = leverage_by_market(study)
    return {
        "leverage": average_leverage(study, interest),
        "leverage_by_market": dict(zip(study.markets, leverage.tolist(), strict=True)),
        "depletion_probability": dict(run.metrics[event]),
        "insolvent_notional": dict(mean(paths.sample(INSOLVENT), paths.confidence).metric(paths.confidence, "USD")),
        "liquidated_notional": dict(run.metrics["liquidated_notional"]),
        "required_fund": dict(required),
        **_capital(study, required),
        **_under_water(study),
    }


def required_fund(run: Run, payer: Payer, target: float) -> Metric:
    """USD that the payer must hold so that its chance of depletion is at most ``target``."""
    paths = run.paths
    return quantile(paths.sample(payer.loss), 1 - target, paths.confidence).metric(paths.confidence, "USD")


def _capital(study: Study, required: Metric) -> dict[str, Any]:
    """Notional of all positions, what is posted for it, and their ratio: capital efficiency."""
    book, prices = study.book, study.prices0
    size = np.where(book.residual[:, None], 0.0, book.size)
    notional = float((np.abs(size) * prices).sum())
    posted = float(requirement(study.initial, size, prices).sum())
    equity = float((mirrored(book, prices) if _inverse(study) else book).equity(prices)[~book.residual].sum())
    return {"notional": notional, "margin_posted": posted, "leverage_used": notional / equity,
            "capital_efficiency": capital_efficiency(notional, posted, required)}


def capital_efficiency(notional: float, posted: float, required: Metric) -> dict[str, Any]:
    """Notional over margin posted plus required fund; falls with the fund, so the bounds change places."""
    low, estimate, high = (None if fund is None else notional / (posted + fund)
                           for fund in (required["high"], required["estimate"], required["low"]))
    found = dict(required) | {"estimate": estimate, "low": low, "high": high, "unit": "ratio"}
    return found | {"method": f"of the required fund: {required['method']}"}


def _under_water(study: Study) -> dict[str, Any]:
    """Accounts that the setting makes liquidatable at once, and the notional of their positions in USD."""
    book, prices = study.book, study.prices0
    held = mirrored(book, prices) if _inverse(study) else book
    at_once = shortfall(held, prices, study.margin) > 0
    return {"liquidatable_at_once": int(at_once.sum()),
            "liquidatable_at_once_notional": float((np.abs(book.size[at_once]) * prices).sum())}


def _inverse(study: Study) -> bool:
    return study.config.protocol.contract == "inverse"
