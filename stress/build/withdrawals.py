"""From the section on withdrawals to the run of traders and the venue's gate."""

from __future__ import annotations

import math
from dataclasses import replace

import jax.numpy as jnp

from stress.build.leaves import in_ticks
from stress.build.leaves import real as _f
from stress.build.leaves import whole as _i
from stress.config.margin import MarginConfig
from stress.config.markets import per_market
from stress.config.schema import ProtocolConfig
from stress.config.withdrawals import WithdrawalGateConfig, WithdrawalRunConfig, WithdrawalsConfig
from stress.protocol.margin.base import MarginCurve
from stress.protocol.venue import Venue
from stress.protocol.withdrawals import Gate, InitialGains, Withdrawals
from stress.types import Array
from stress.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE

GAINS = "protocol.margin.unrealised_gain_initial"


def leaving_venue(
    venue: Venue, protocol: ProtocolConfig, initial: MarginCurve, markets: list[str], step_seconds: float
) -> Venue:
    """The venue whose traders leave, as far as its section says so; ``initial`` margin stays in accounts."""
    rules = protocol.withdrawals
    if rules is None or rules.run is None:
        return venue
    gains = build_initial_gains(protocol.margin, markets)
    return replace(venue, withdrawals=build_withdrawals(rules, rules.run, initial, gains, step_seconds))


def build_initial_gains(margin: MarginConfig | None, markets: list[str]) -> InitialGains | None:
    """What unrealised gains count for towards initial margin; None where that is as for maintenance."""
    terms = None if margin is None else margin.unrealised_gain_initial
    if terms is None:
        return None
    factor = 0.0 if terms.size_factor is None else terms.size_factor
    weight, factor = (
        jnp.asarray(per_market(value, markets, f"{GAINS}.{name}"))
        for name, value in (("weight", terms.weight), ("size_factor", factor))
    )
    return InitialGains(weight, factor, most=_f(math.inf if terms.at_most_usd is None else terms.at_most_usd))


def build_withdrawals(
    rules: WithdrawalsConfig, run: WithdrawalRunConfig, initial: MarginCurve, gains: InitialGains | None,
    step_seconds: float,
) -> Withdrawals:
    """The run and the gate."""
    minutes = SECONDS_PER_MINUTE / step_seconds
    return Withdrawals(
        initial=initial,
        fund_below=_maybe(run.fund_below),
        move_above=_maybe(run.move_above),
        kept=_f((1.0 - run.leaves_per_hour) ** (step_seconds / SECONDS_PER_HOUR)),
        delay=_i(_at_least(run.delay_hours * SECONDS_PER_HOUR, step_seconds)),
        every=in_ticks(run.every_minutes, minutes),
        gate=None if rules.gate is None else _gate(rules.gate, step_seconds),
        gains=gains,
        window=max(1, round((rules.window_minutes or 0.0) * minutes)),
        unrealised_profit=run.unrealised_profit,
    )


def _gate(gate: WithdrawalGateConfig, step_seconds: float) -> Gate:
    outage = gate.outage_minutes
    return Gate(
        fund_below=_maybe(gate.fund_below),
        move_above=_maybe(gate.move_above),
        lasts=_i(_at_least(gate.lasts_seconds, step_seconds)),
        outage=None if outage is None else _i(_at_least(outage * SECONDS_PER_MINUTE, step_seconds)),
        under_water=gate.under_water,
    )


def _at_least(seconds: float, step_seconds: float) -> int:
    """Whole ticks that are not shorter."""
    return math.ceil(seconds / step_seconds - 1e-9)


def _maybe(value: float | None) -> Array | None:
    return None if value is None else _f(value)
