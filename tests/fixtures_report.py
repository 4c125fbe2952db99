"""Fabricates plausible run, sweep and calibration folders from a numpy seed, without the simulator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

HORIZON = 24.0
STEP_SECONDS = 60.0


@dataclass(frozen=True)
class Case:
    """What kind of run to fabricate."""

    paths: int = 4096
    markets: tuple[str, ...] = ("BTC", "ETH", "SOL")
    accounts: int = 1500
    liquidations: bool = True
    depletions: bool = True
    twin: bool = True
    fund_curve: bool = True
    fairness: bool = True
    story: bool = True
    extras: bool = True  # prices, heatmap and book files
    failed: int = 0
    scale: float = 1.0  # multiplies every amount of money
    limits: dict[str, float] | None = None
    seed: int = 7
    dpi: int = 110


def _fund(case: Case) -> float:
    return 1e6 * case.scale * (1.0 if case.depletions else 1e4)


def fabricate_run(folder: Path, case: Case = Case()) -> Path:
    """Write a run folder; returns it."""
    rng = np.random.default_rng(case.seed)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / ".hydra").mkdir(exist_ok=True)
    columns = _paths(rng, case)
    pq.write_table(pa.table(columns), folder / "paths.parquet")
    config = _config(case)
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    _dump(folder / "summary.json", _summary(columns, case))
    _dump(folder / "manifest.json", _manifest(case))
    if case.extras:
        np.savez(folder / "data" / "prices.npz", **_prices(rng, case))
        np.savez(folder / "data" / "heatmap.npz", **_heatmap(case))
        pq.write_table(pa.table(_book(rng, case)), folder / "data" / "book.parquet")
    if case.story:
        np.savez(folder / "data" / "story.npz", **_story(rng, case, columns))
    return folder


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, allow_nan=False, indent=1))


def _paths(rng: np.random.Generator, case: Case) -> dict[str, Any]:
    n, none = case.paths, [None] * case.paths
    severity = np.exp(1.3 * rng.standard_normal(n) + 12.5) * case.scale
    hit = (rng.random(n) < 0.6) & case.liquidations
    main = np.where(hit, severity * (1 + 20 * (rng.random(n) < 0.08) * rng.pareto(1.2, n).clip(0, 40)), 0.0)
    twin = np.where(rng.random(n) < 0.9, main * rng.uniform(0.25, 0.9, n), 0.0)
    deficit = np.where(rng.random(n) < 0.25, main * 0.4 * rng.beta(1, 4, n), 0.0)
    fees = main * 0.004
    drawdown = np.maximum(deficit - fees, 0.0)
    depleted = drawdown > _fund(case)
    paid = np.minimum(deficit, _fund(case) + fees)
    haircut = 0.6 * (deficit - paid)
    socialised = 0.35 * (deficit - paid)
    cascade = (main > 2e7 * case.scale) & (main > 2 * twin)
    hours = np.where(np.arange(n) == np.argmax(depleted), 13.05, rng.beta(2, 2, n) * HORIZON)
    status = np.zeros(n, dtype=np.int8)
    status[:case.failed] = 3
    columns: dict[str, Any] = {
        "path": np.arange(n), "depleted": depleted, "fund_end": _fund(case) + fees - paid,
        "time_to_depletion_hours": pa.array(hours, mask=~depleted),
        "fund_drawdown": drawdown if case.fund_curve else none, "bad_debt": deficit, "liquidated_notional": main,
        "liquidated_accounts": np.ceil(main / (2e4 * case.scale)).astype(np.int64),
        "liquidated_notional_twin": twin if case.twin else none,
        "amplification": pa.array(main / np.where(twin > 0, twin, 1), mask=twin == 0) if case.twin else none,
        "cascade": cascade if case.twin else none, "adl_notional": haircut * 7, "socialised_loss": socialised,
        "insolvent_notional": 20 * deficit,
        "max_displacement": 0.05 * (1 - np.exp(-main / (3e7 * case.scale))), "status": status,
        "log_weight": np.zeros(n), "insurance_paid": paid, "adl_haircut": haircut,
        "uncovered": deficit - paid - haircut - socialised, "fees_to_fund": fees,
        "adl_accounts": np.where(haircut > 0, 12, 0), "adl_residual_notional": haircut,
        "rounds": np.where(main > 0, 3, 1), "displacement_capped": np.zeros(n, dtype=np.int64)}
    if case.fairness:
        columns |= _fairness(rng, haircut > 0, haircut)
    shares = rng.dirichlet(np.ones(len(case.markets)) * 3, n)
    columns |= {f"liquidated_{m}": main * shares[:, i] for i, m in enumerate(case.markets)}
    if case.failed:
        columns["bad_debt"] = np.where(status > 0, np.nan, deficit)
    return columns


def _fairness(rng: np.random.Generator, happened: np.ndarray, haircut: np.ndarray) -> dict[str, Any]:
    hit = np.where(happened, rng.beta(2, 6, len(happened)), np.nan)
    return {"adl_hit_share": hit, "adl_largest_haircut": np.where(happened, rng.beta(3, 2, len(happened)), np.nan),
            "adl_gini": 1 - hit, "adl_cost": haircut * 1.2, "adl_needed": haircut * 0.9}


def _metric(values: np.ndarray, unit: str, estimate: float | None = None) -> dict[str, Any]:
    n = len(values)
    if n == 0:
        return {"estimate": None, "low": None, "high": None, "confidence": 0.95, "method": "bootstrap", "unit": unit,
                "n": 0, "reason": "no path has a value"}
    centre = float(np.mean(values)) if estimate is None else estimate
    half = 1.96 * float(np.std(values)) / n ** 0.5
    return {"estimate": centre, "low": max(centre - half, 0.0), "high": centre + half, "confidence": 0.95,
            "method": "normal", "unit": unit, "n": n}


def _share(events: np.ndarray) -> dict[str, Any]:
    metric = _metric(events.astype(float), "probability")
    if not events.any():
        metric["high"] = 1 - 0.025 ** (1 / len(events))
    return metric | {"method": "clopper-pearson"}


def _off(reason: str, unit: str) -> dict[str, Any]:
    return _metric(np.empty(0), unit) | {"reason": reason}


def _quantile(values: np.ndarray, level: float) -> dict[str, Any]:
    needed = int(np.ceil(np.log(0.025) / np.log(level)))
    metric = {"estimate": float(np.quantile(values, level)), "low": float(np.quantile(values, 1 - 1.6 * (1 - level))),
              "high": float(np.quantile(values, 1 - 0.5 * (1 - level))), "confidence": 0.95,
              "method": "order statistics", "unit": "USD", "n": len(values)}
    if len(values) < needed:
        metric |= {"high": None, "reason": f"an upper limit needs {needed:,} paths"}
    return metric


def _summary(columns: dict[str, Any], case: Case) -> dict[str, Any]:
    col = {k: np.asarray(v) for k, v in columns.items() if not isinstance(v, list | pa.Array)}
    times = np.array([t for t in columns["time_to_depletion_hours"].to_pylist() if t is not None])
    metrics = {
        "depletion_probability": _share(col["depleted"]), "adl_probability": _share(col["adl_notional"] > 0),
        "socialised_loss_probability": _share(col["socialised_loss"] > 0),
        "liquidated_notional": _metric(col["liquidated_notional"], "USD"),
        "liquidated_accounts": _metric(col["liquidated_accounts"], "accounts"),
        "bad_debt": _metric(np.nan_to_num(col["bad_debt"]), "USD"), "adl_notional": _metric(col["adl_notional"], "USD"),
        **{name: _metric(np.nan_to_num(col[name]), "USD")
           for name in ("insurance_paid", "adl_haircut", "socialised_loss", "uncovered")},
        "max_displacement": _metric(col["max_displacement"], "relative"),
        "time_to_depletion_hours": _metric(times, "hours")}
    curve: list[dict[str, Any]] = []
    if case.fund_curve:
        losses = col["fund_drawdown"]
        metrics |= {f"required_fund_{name}": _quantile(losses, level)
                    for name, level in (("99", 0.99), ("999", 0.999), ("9999", 0.9999))}
        metrics["fund_drawdown_var_99"] = _quantile(losses, 0.99)
        worst = np.sort(losses)[-max(len(losses) // 100, 1):]
        metrics["fund_drawdown_es_99"] = _metric(worst, "USD")
        top = max(float(losses.max()), 1.0) * 1.2
        curve = [{"fund": float(f)} | {k: v for k, v in (_share(losses > f) | {"depletion_probability": None}).items()
                                       if k in ("low", "high")} | {"depletion_probability": float(np.mean(losses > f))}
                 for f in np.concatenate([[0.0], np.geomspace(top / 1e4, top, 40)])]
    else:
        metrics |= {k: _off("run.fund_curve is off", "USD") for k in
                    ("required_fund_99", "required_fund_999", "fund_drawdown_var_99", "fund_drawdown_es_99")}
    if case.twin:
        metrics["cascade_probability"] = _share(col["cascade"])
        ratio = float(col["liquidated_notional"].sum() / max(col["liquidated_notional_twin"].sum(), 1e-300))
        metrics["amplification"] = (_metric(np.ones(len(col["path"])), "ratio", ratio)
                                    | {"low": ratio * 0.9, "high": ratio * 1.12, "method": "delta"}
                                    if case.liquidations else _off("nothing was liquidated in the twin", "ratio"))
    else:
        metrics |= {"cascade_probability": _off("run.twin is off", "probability"),
                    "amplification": _off("run.twin is off", "ratio")}
    status = {"ok": case.paths - case.failed} | ({"rounds_exhausted": case.failed} if case.failed else {})
    summary = {"schema": 1, "config_hash": "3fa9c0de12ab", "seed": 1, "paths": case.paths, "steps": 1440,
               "step_seconds": STEP_SECONDS, "accounts": case.accounts, "markets": list(case.markets),
               "metrics": metrics, "fund_curve": curve,
               "conservation": {"cash_residual": 3.1e-15, "contracts_residual": 0.0}, "status": status,
               "timings": {"compile_seconds": 4.21, "simulate_seconds": 11.8, "report_seconds": 0.0}}
    summary["limits"] = [_verdict(name, limit, metrics[name]) for name, limit in (case.limits or {}).items()]
    summary["stopped"] = {"reason": "the planned number of paths was reached", "planned_paths": case.paths}
    return summary


def _verdict(name: str, limit: float, metric: dict[str, Any]) -> dict[str, Any]:
    outcome = "violated" if metric["low"] > limit else "met" if metric["high"] <= limit else "undecided"
    return {"metric": name, "limit": limit, "outcome": outcome, "reason": None,
            "estimate": metric["estimate"], "low": metric["low"], "high": metric["high"]}


def _config(case: Case) -> dict[str, Any]:
    prices = {m: 64000.0 / 20 ** i for i, m in enumerate(case.markets)}
    return {
        "price": {"model": "composition", "markets": list(case.markets), "initial_prices": prices, "drift": 0.0,
                  "volatility": {m: 0.5 + 0.1 * i for i, m in enumerate(case.markets)}, "correlation": 0.7,
                  "jump": {"kind": "merton", "intensity": 12, "mean": -0.03, "std": 0.06, "common_intensity": 6.0,
                           "common_mean": -0.05, "common_std": 0.07, "common_correlation": 0.9},
                  "regimes": {"calm": {"volatility": 0.4, "depth_multiplier": 1.0},
                              "panic": {"volatility": 1.6, "depth_multiplier": 0.3}},
                  "transition_rates": {"calm": {"panic": 8.0}, "panic": {"calm": 120.0}},
                  "initial_regime": "stationary", "jump_duration_seconds": 300.0, "path": None, "provenance": None},
        "book": {"kind": "synthetic", "accounts": case.accounts,
                 "synthetic": {"seed": 3, "open_interest_usd": 2e8 * case.scale, "leverage_median": 8.0},
                 "positions": None, "collateral": None, "residual_account": "residual", "export": None},
        "protocol": {"initial_margin": None, "maintenance_margin": None, "margin_tiers": {"default": [
            {"up_to_usd": 1e6, "initial_margin": 0.02, "maintenance_margin": 0.01},
            {"up_to_usd": None, "initial_margin": 0.05, "maintenance_margin": 0.025}]},
            "insurance_fund": _fund(case),
            "liquidation": {"rule": "close_factor", "close_factor": 0.25, "close_whole_below_usd": 1e5,
                            "target_multiple": 1.2, "fee": 0.005, "keeper_share": 0.2, "remaining_equity": "fund",
                            "keeper_delay_seconds": 0.0, "keeper_capacity_usd_per_minute": None, "max_rounds": 20},
            "waterfall": ["insurance_fund", "adl", "socialised_loss"], "adl": {"policy": "profit_leverage"},
            "funding": {"interval_hours": 8.0, "interest_rate": 1e-4, "clamp": 5e-4, "cap": 0.0075, "premium": 0.0},
            "oracle": {"lag_seconds": 0.0, "update_interval_seconds": 0.0, "deviation_threshold": 0.0,
                       "impact_share": 1.0},
            "breaker": {"move": None, "window_minutes": 5.0, "halt_minutes": 5.0}},
        "liquidity": {"law": "power", "exponent": 0.875, "depth_usd": dict.fromkeys(case.markets, 2e7 * case.scale),
                      "half_spread_bps": 2.0, "recovery_half_life_minutes": 15.0, "withdrawal": 2.0,
                      "max_displacement": 0.5},
        "run": {"paths": case.paths, "horizon_hours": HORIZON, "step_seconds": STEP_SECONDS, "seed": 1,
                "confidence": 0.95, "precision": "float32", "engine": "auto", "twin": case.twin,
                "fund_curve": case.fund_curve},
        "cascade": {"window_minutes": 60.0, "open_interest_share": 0.05}, "limits": case.limits or {},
        "report": {"enabled": True, "fan_paths": 200, "worst_paths": 3, "dpi": case.dpi}}


def _manifest(case: Case) -> dict[str, Any]:
    return {"schema": 1, "version": "0.1.0", "python": "3.11.9", "jax": "0.10.2", "jaxlib": "0.10.2", "numpy": "2.4.6",
            "platform": "Linux-6.1-x86_64", "devices": ["cpu:0", "cpu:1"], "config_hash": "3fa9c0de12ab",
            "engine": {"name": "dense", "not_ladder": ["12 accounts hold positions in several markets"]},
            "data_hashes": {"positions.csv": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
            "seed": 1, "command": ["price=bates"], "created": "2026-11-21T09:30:00Z",
            "timings": {"compile_seconds": 4.21}, "chunks": [[0, 3], [4, 7]], "complete": True,
            "book_notes": ["Longs exceed shorts by $1.2M in ETH: the account 'residual' takes the difference."],
            "price_provenance": {"source": "hourly closes", "start": "2023-01-01", "end": "2026-01-01", "gaps": 3},
            "messages": []}


def _walk(rng: np.random.Generator, rows: int, case: Case, stress: float) -> np.ndarray:
    points = 97
    noise = rng.standard_normal((rows, points - 1, len(case.markets))) * 0.55 * (HORIZON / 8760 / (points - 1)) ** 0.5
    common = rng.standard_normal((rows, points - 1, 1)) * 0.004
    at = rng.integers(10, 80, rows)
    noise[np.arange(rows), at] -= stress
    start = np.array([64000.0 / 20 ** i for i in range(len(case.markets))])
    return start * np.exp(np.concatenate([np.zeros((rows, 1, len(case.markets))), np.cumsum(noise + common, 1)], 1))


def _prices(rng: np.random.Generator, case: Case) -> dict[str, np.ndarray]:
    kept, worst = min(200, case.paths), min(3, case.paths)
    return {"time_hours": np.linspace(0, HORIZON, 97), "sample": _walk(rng, kept, case, 0.0),
            "sample_path": np.arange(kept), "worst": _walk(rng, worst, case, 0.17), "worst_path": np.arange(worst)}


def _heatmap(case: Case) -> dict[str, np.ndarray]:
    move = np.concatenate([-np.linspace(0.4, 0.01, 20), np.linspace(0.01, 0.4, 20)])
    size = 1.5e8 * case.scale / (1 + np.arange(len(case.markets)))
    amount = size[None] * (1 - np.exp(-(np.abs(move) / 0.12) ** 2))[:, None]
    notional = np.stack([np.where(move[:, None] < 0, amount, 0.02 * amount),
                         np.where(move[:, None] > 0, 0.8 * amount, 0.02 * amount)], -1)
    return {"move": move, "notional": notional if case.liquidations else np.zeros_like(notional)}


def _story(rng: np.random.Generator, case: Case, columns: dict[str, Any]) -> dict[str, np.ndarray]:
    ticks, markets = 1440, len(case.markets)
    hours = (np.arange(ticks) + 1) / 60
    start = np.array([64000.0 / 20 ** i for i in range(markets)])
    shock = -0.16 * np.clip((hours - 13.0) * 8, 0, 1)[:, None] * (1 + 0.3 * np.arange(markets))
    fundamental = start * np.exp(np.cumsum(rng.standard_normal((ticks, markets)) * 6e-4, 0) + shock)
    pulse = np.where((hours > 13.02) & (hours < 13.6), np.exp(-(hours - 13.02) * 5), 0.0)
    scale = case.scale if case.liquidations else 0.0
    longs = 4e6 * scale * pulse[:, None] * rng.uniform(0.2, 1.0, (ticks, markets))
    shorts = 2e5 * scale * (np.abs(hours - 13.8) < 0.05)[:, None] * rng.uniform(0.2, 1.0, (ticks, markets))
    displacement = -0.03 * np.convolve(pulse, np.exp(-np.arange(60) / 15), "full")[:ticks, None] / 6 * np.ones(markets)
    debt = 0.08 * longs.sum(1)
    fund = np.maximum(_fund(case) - np.cumsum(debt), 0.0 if case.depletions else -np.inf)
    gap = np.maximum(np.cumsum(debt) - _fund(case), 0)
    adl = np.diff(gap, prepend=0.0) * 5
    path = int(np.argmax(np.asarray(columns["depleted"]))) if case.depletions else 0
    return {"path": np.array(path), "time_hours": hours, "mark": fundamental * (1 + displacement),
            "fundamental": fundamental, "displacement": displacement, "fund": fund, "liquidated_long": longs,
            "liquidated_short": shorts, "adl": adl, "bad_debt": debt, "socialised": adl * 0.02}


def _book(rng: np.random.Generator, case: Case) -> dict[str, Any]:
    n, markets = case.accounts, np.array(case.markets)
    market = rng.integers(0, len(markets), n)
    notional = np.minimum((rng.pareto(1.4, n) + 0.05) * 2e4, 3e7) * case.scale
    side = np.where(rng.random(n) < 0.62, 1, -1)
    leverage = np.minimum(np.exp(rng.standard_normal(n) * 0.7 + 2.0), 45.0)
    price = np.array([64000.0 / 20 ** i for i in range(len(markets))])[market]
    distance = -side * np.maximum(1 / leverage - 0.01, 0.002)
    distance[rng.random(n) < 0.05] = np.nan
    book: dict[str, Any] = {
        "account": [f"a{i}" for i in range(n)], "margin_account": np.arange(n), "market": list(markets[market]),
        "size": side * notional / price, "entry_price": price, "notional_usd": notional, "margin_mode": ["cross"] * n,
        "equity_usd": notional / leverage, "leverage": leverage, "distance": distance, "residual": np.zeros(n, bool)}
    gaps = [float(book["size"][market == i].sum()) for i in range(len(markets))]
    for i, (name, gap) in enumerate(zip(case.markets, gaps, strict=True)):
        for key, value in {"account": "residual", "margin_account": n, "market": name, "size": -gap,
                           "entry_price": 64000.0 / 20 ** i, "notional_usd": abs(gap) * 64000.0 / 20 ** i,
                           "margin_mode": "cross", "equity_usd": 0.0, "leverage": 1.0, "distance": np.nan,
                           "residual": True}.items():
            book[key] = [*book[key], value]
    return book


# --- sweeps and calibrations -----------------------------------------------------------------------------------------
def fabricate_sweep(folder: Path, grid: list[list[str]], *, failed: tuple[int, ...] = (),
                    killed: tuple[int, ...] = (), over: tuple[int, ...] = ()) -> Path:
    """A sweep folder, a job for each list of overrides: ``failed``, ``killed`` (no job.json), ``over`` a limit."""
    for number, overrides in enumerate(grid):
        job = folder / str(number)
        (job / ".hydra").mkdir(parents=True, exist_ok=True)
        (job / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
        if number in killed:
            continue
        wrong = number in failed
        status = "failed" if wrong else "limit" if number in over else "ok"
        error = "protocol.maintenance_margin: got 2, allowed is < 1 <of notional>." if wrong else None
        _dump(job / "job.json", {"status": status, "error": error, "overrides": overrides})
        if not wrong:
            case = Case(paths=600, seed=number + 1, scale=1 + 0.4 * number)
            _dump(job / "summary.json", _summary(_paths(np.random.default_rng(number + 1), case), case))
    return folder


def fabricate_calibration(folder: Path, markets: tuple[str, ...] = ("BTC", "ETH"), seed: int = 5) -> Path:
    """A calibration folder: calibration.json and tails.npz."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    grid = np.geomspace(1e-3, 0.2, 80)
    tails = {"grid": grid}
    for market in markets:
        for side in ("down", "up"):
            sample = 0.006 * np.abs(rng.standard_t(3, 9000))
            tails[f"emp_{side}_{market}"] = np.array([np.mean(sample > g) for g in grid]) / 2
            tails[f"fit_{side}_{market}"] = 0.5 * (1 + (grid / 0.01) ** 2) ** -1.4
    np.savez(folder / "tails.npz", **tails)
    parameters = [{"name": f"volatility.{m}", "estimate": 0.55, "standard_error": 0.012, "unit": "per sqrt(year)"}
                  for m in markets]
    parameters.append({"name": "jump.common_intensity", "estimate": 41.0, "standard_error": None, "unit": "per year"})
    _dump(folder / "calibration.json", {
        "name": "regime_btc_eth", "model": "regime", "markets": list(markets), "log_likelihood": 41234.5,
        "aic": -82400.0, "bic": -82330.0, "parameters": parameters, "stationary": {"calm": 0.93, "panic": 0.07},
        "provenance": {"source": "hourly closes", "rows": 26280, "gaps": 3, "start": "2023-01-01"},
        "warnings": ["Hourly closes do not identify jump_duration_seconds: assumed."]})
    return folder
