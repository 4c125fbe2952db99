"""Checks that need more than one key: what no single field's domain can say.

Each check yields messages in the form of :func:`stress.errors.bad_value`: key, what it got, what is allowed, the fix.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from stress.config.check_collateral import check_collateral
from stress.config.check_history import check_history, from_history
from stress.config.check_parts import check_often
from stress.config.check_price import check_price
from stress.config.check_protocol import check_protocol
from stress.config.check_shocks import check_shocks
from stress.config.check_sweep import check_sweep
from stress.config.fields import Matrix, PerMarket
from stress.config.markets import correlation_matrix, per_market
from stress.config.price import PriceConfig
from stress.config.schema import Config, RunConfig
from stress.errors import UserError, bad_value, unknown_key
from stress.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

METRICS = (
    "depletion_probability", "cascade_probability", "adl_probability", "socialised_loss_probability",
    "time_to_depletion_hours", "liquidated_notional", "liquidated_accounts", "bad_debt", "insolvent_notional",
    "unrealised_bad_debt", "insurance_paid",
    "adl_haircut", "socialised_loss", "uncovered", "fees_to_fund", "adl_notional", "amplification", "max_displacement",
    "fund_drawdown_var_99", "fund_drawdown_es_99", "required_fund_99", "required_fund_999", "required_fund_9999",
    "fund_shortfall", "withdrawn", "taken_over", "backstop_loss", "backstop_depletion_probability", "adl_hit_share",
    "adl_largest_haircut", "adl_gini", "adl_cost", "adl_overshoot", "oracle_blocked_hours", "margin_multiplier",
    "withdrawal_run_probability", "collateral_withdrawn", "gate_shut_hours",
)
"""Metrics that may carry a limit."""

COMPANIONS = {
    "twin": ("cascade_probability", "amplification"),
    "fund_curve": ("fund_drawdown_var_99", "fund_drawdown_es_99", "required_fund_99", "required_fund_999",
                   "required_fund_9999", "fund_shortfall"),
}
"""Metrics that only exist when the companion variant of that switch of ``run`` is on."""

SHARES = ("adl_hit_share", "adl_gini")
"""Metrics between zero and one, beside probabilities."""

TILE = 128
"""Paths that share one address of noise; a block is made of whole tiles."""

LONGEST_JUMP = 512
"""Ticks over which a jump may be spread: the model carries one slot for each."""

MOST_TICKS = 2**31 - 1
"""The number of a tick has 31 bits."""

_WHOLE = 1e-9
"""Relative tolerance within which horizon / step counts as a whole number."""


def check(config: Config) -> list[str]:
    """Every message of every cross-field check; empty when the configuration is consistent."""
    price, run = config.price, config.run
    groups = (check_price(price), check_history(config), _time(price, run), check_often(config), _block(run),
              _processes(run), _events(config), check_protocol(config), check_shocks(config), _book(config),
              _limits(config), _optional_limits(config), check_collateral(config), _dates(config),
              check_sweep(config, METRICS))
    problems = [message for group in groups for message in group]
    return problems or list(_lookups(config, config.price.markets, ""))


def _time(price: PriceConfig, run: RunConfig) -> Iterator[str]:
    if price.model != "replay":  # a given path brings its own clock
        for name in ("horizon_hours", "step_seconds"):
            if getattr(run, name) is None:
                yield str(bad_value(f"run.{name}", None, "a number unless price=replay"))
    if run.horizon_hours is None or run.step_seconds is None:
        return
    steps = run.horizon_hours * SECONDS_PER_HOUR / run.step_seconds
    if steps > MOST_TICKS:
        hours = MOST_TICKS * run.step_seconds / SECONDS_PER_HOUR
        yield str(bad_value("run.horizon_hours", run.horizon_hours,
                            f"at most {hours:.6g} h, which is {MOST_TICKS:,} ticks of run.step_seconds="
                            f"{run.step_seconds:g}", "Shorten the horizon, or take longer ticks."))
        return
    nearest = max(1, round(steps))
    if abs(steps - nearest) > _WHOLE * nearest:
        hours = nearest * run.step_seconds / SECONDS_PER_HOUR
        yield str(bad_value(
            "run.horizon_hours", run.horizon_hours,
            f"a whole number of ticks of run.step_seconds={run.step_seconds:g} (this is {steps:.6g} ticks)",
            f"The nearest is run.horizon_hours={hours:.12g}."))


def _block(run: RunConfig) -> Iterator[str]:
    if isinstance(run.block_paths, int) and run.block_paths % TILE:
        nearest = max(TILE, round(run.block_paths / TILE) * TILE)
        yield str(bad_value("run.block_paths", run.block_paths, f"a multiple of {TILE} or 'auto'",
                            f"The nearest is run.block_paths={nearest}."))


def _processes(run: RunConfig) -> Iterator[str]:
    if run.process >= run.processes:
        yield str(bad_value("run.process", run.process, f"0 to {run.processes - 1}, run.processes less one"))
    if run.processes > 1 and (run.coordinator is None or not run.coordinator.rpartition(":")[2].isdigit()):
        yield str(bad_value("run.coordinator", run.coordinator, "host:port with more than one process",
                            "Give where process 0 is to be found, as in run.coordinator=localhost:9911."))


def _events(config: Config) -> Iterator[str]:
    """Things that recur must not recur faster than the tick."""
    step = config.run.step_seconds
    if step is None:
        return
    if config.price.jump_duration_seconds > LONGEST_JUMP * step:
        yield str(bad_value("price.jump_duration_seconds", config.price.jump_duration_seconds,
                            f"<= {LONGEST_JUMP * step:g} ({LONGEST_JUMP} ticks of run.step_seconds={step:g})",
                            "Shorten it or raise run.step_seconds."))
    recurring = []
    if config.protocol.funding.interval_hours is not None:
        hours = config.protocol.funding.interval_hours
        recurring.append(("protocol.funding.interval_hours", hours, hours * SECONDS_PER_HOUR))
    if config.protocol.breaker.move is not None:
        minutes = config.protocol.breaker.window_minutes
        recurring.append(("protocol.breaker.window_minutes", minutes, minutes * SECONDS_PER_MINUTE))
    for key, got, seconds in recurring:
        if seconds < step * (1 - _WHOLE):
            yield str(bad_value(key, got, f"at least one tick (run.step_seconds={step:g})"))


def _book(config: Config) -> Iterator[str]:
    book = config.book
    if book.kind == "file" and book.positions is None:
        yield str(bad_value("book.positions", None, "a positions file (CSV or Parquet) when book=file",
                            "Give book.positions=FILE, or use book=synthetic."))
    if book.kind != "file":
        for name in ("positions", "collateral"):
            if getattr(book, name) is not None:
                yield str(bad_value(f"book.{name}", getattr(book, name), "null unless book=file", "Add book=file."))


def _limits(config: Config) -> Iterator[str]:
    for name in config.limits:
        if name not in METRICS:
            yield str(unknown_key("limits", name, METRICS))
    for name, limit in config.limits.items():
        if (name.endswith("_probability") or name in SHARES) and limit is not None and not 0 <= limit <= 1:
            fix = f"5 % is limits.{name}=0.05." if limit > 1 else ""
            yield str(bad_value(f"limits.{name}", limit, "0 to 1", fix))
    for switch, names in COMPANIONS.items():
        limited = [name for name in names if config.limits.get(name) is not None]
        if limited and not getattr(config.run, switch):
            yield str(bad_value(f"limits.{limited[0]}", config.limits[limited[0]], f"null while run.{switch}=false",
                                f"The metric needs run.{switch}=true."))


def _optional_limits(config: Config) -> Iterator[str]:
    """Limits on metrics of mechanisms that the run does not have."""
    protocol = config.protocol
    guards = (protocol.oracle.stale_after_seconds, protocol.oracle.divergence_limit, protocol.oracle.confidence)
    guarded = any(guard is not None for guard in guards)
    for names, key, has, what in (
        (("taken_over", "backstop_loss", "backstop_depletion_probability"), "protocol.backstop=null",
         protocol.backstop is not None, "is about a backstop: give the venue one."),
        (("withdrawn",), "protocol.insurance.depositors=null",
         protocol.insurance is not None and protocol.insurance.depositors is not None,
         "is about depositors: give the fund some."),
        (("adl_hit_share", "adl_largest_haircut", "adl_gini", "adl_cost", "adl_overshoot"), "run.fairness=false",
         config.run.fairness, "needs run.fairness=true."),
        (("oracle_blocked_hours",), "protocol.oracle has no guard", guarded,
         ("is about accounts that wait for the oracle: set protocol.oracle.stale_after_seconds, "
          "divergence_limit or confidence.")),
        (("margin_multiplier",), "protocol.adaptive=null", protocol.adaptive is not None,
         "is about requirements that change: give protocol.adaptive."),
        (("withdrawal_run_probability", "collateral_withdrawn", "gate_shut_hours"), "protocol.withdrawals.run=null",
         protocol.withdrawals is not None and protocol.withdrawals.run is not None,
         "is about traders who withdraw: give protocol.withdrawals a run."),
    ):
        for name in names:
            limit = config.limits.get(name)
            if limit is not None and not has:
                yield str(bad_value(f"limits.{name}", limit, f"null while {key}", f"The metric {what}"))


def _dates(config: Config) -> Iterator[str]:
    moments = {}
    for name in ("start", "end"):
        text = getattr(config.data, name)
        try:
            moments[name] = datetime.fromisoformat(text).replace(tzinfo=None) if text is not None else None
        except ValueError:
            yield str(bad_value(f"data.{name}", text, "a date such as 2025-10-10"))
    try:
        datetime.fromisoformat(config.calibrate.split or "2025-10-10")
    except ValueError:
        yield str(bad_value("calibrate.split", config.calibrate.split, "null or a date such as 2024-01-01"))
    start, end = moments.get("start"), moments.get("end")
    if start and end and start >= end:
        yield str(bad_value("data.end", config.data.end, f"a date after data.start={config.data.start}"))


def _lookups(section: Any, markets: list[str], key: str) -> Iterator[str]:
    """Every per-market value and every correlation must serve the markets simulated."""
    if isinstance(section, dict):
        for name, item in section.items():
            yield from _lookups(item, markets, f"{key}.{name}")
    if not dataclasses.is_dataclass(section):
        return
    hints = typing.get_type_hints(type(section))
    if isinstance(section, PriceConfig) and section.model == "replay":  # nothing else of the model is used
        hints = {name: hints[name] for name in ("initial_prices",) if from_history(section)}
    for name, hint in hints.items():
        full, value = f"{key}.{name}".lstrip("."), getattr(section, name)
        look_up = per_market if _is(hint, PerMarket) else correlation_matrix if _is(hint, Matrix) else None
        if look_up is None or value is None:
            yield from _lookups(value, markets, full)
            continue
        try:
            look_up(value, markets, full)
        except UserError as error:
            yield str(error)
        except ValueError:  # rows of different lengths
            yield str(bad_value(full, value, f"a {len(markets)} x {len(markets)} matrix"))


def _is(hint: Any, union: Any) -> bool:
    return set(typing.get_args(hint)) - {type(None)} == set(typing.get_args(union))
