"""The cross case written from the rules, an account at a time: slow and obvious, to check the others against."""

from __future__ import annotations

import numpy as np

from benchmarks.case import Outcome
from benchmarks.cross import CrossAccounts, CrossCase
from benchmarks.reference_ladder import displacement, mean_displacement


def simulate_path(case: CrossCase, accounts: CrossAccounts, prices: np.ndarray) -> tuple[float, ...]:
    """Depleted, drawdown, bad debt, notional and accounts of one path [T + 1, A]; asserts that cash is conserved."""
    quote, size = accounts.quote.tolist(), accounts.size.T.tolist()
    z, fund, keepers, outside = [0.0] * case.markets, case.fund, 0.0, 0.0
    depleted, drawdown, bad_debt, notional, count = False, 0.0, 0.0, 0.0, 0
    total = sum(quote)
    for fundamental in prices[1:].tolist():
        z = [flow * case.decay for flow in z]
        while True:
            mark = [s * (1.0 + displacement(case, flow)) for s, flow in zip(fundamental, z, strict=True)]
            who = []
            for n, held in enumerate(size):
                equity = quote[n] + sum(s * p for s, p in zip(held, mark, strict=True))
                margin = case.maintenance * sum(abs(s) * p for s, p in zip(held, mark, strict=True))
                if any(held) and equity < margin:
                    who.append(n)
            if not who:
                break
            fill = []
            for a, price in enumerate(fundamental):
                end = z[a] + sum(size[n][a] for n in who) * price / case.depth
                fill.append(price * (1.0 + mean_displacement(case, z[a], end)))
                z[a] = end
            deficits = {}
            for n in who:
                value = [s * p for s, p in zip(size[n], fill, strict=True)]
                equity, traded = quote[n] + sum(value), sum(abs(v) for v in value)
                fee = min(case.fee * traded, max(equity, 0.0))
                quote[n], size[n] = equity - fee, [0.0] * case.markets
                outside, keepers = outside - sum(value), keepers + case.keeper_share * fee
                fund += (1.0 - case.keeper_share) * fee
                notional, deficits[n] = notional + traded, max(-quote[n], 0.0)
            lost = sum(deficits.values())
            depleted, drawdown = depleted or lost > fund, max(drawdown, lost - (fund - case.fund))
            paid = min(max(fund, 0.0), lost)
            for n, deficit in deficits.items():
                quote[n] += paid * deficit / lost if lost else 0.0
            fund, bad_debt, count = fund - paid, bad_debt + lost, count + len(who)
            gross = float(np.abs(accounts.size).sum() * case.price)
            missing = sum(quote) + outside + keepers + fund - case.fund - total
            assert abs(missing) <= 1e-12 * gross, "cash is not conserved"
    return float(depleted), drawdown, bad_debt, notional, float(count)


def simulate_given(case: CrossCase, accounts: CrossAccounts, prices: np.ndarray) -> Outcome:
    """All paths [P, T + 1, A]."""
    return Outcome(*np.array([simulate_path(case, accounts, path) for path in prices]).T)
