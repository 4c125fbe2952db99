"""From the section on withdrawals to the run of traders and the venue's gate."""

from __future__ import annotations

import math
from dataclasses import replace

from stress.build.leaves import in_ticks
from stress.build.leaves import real as _f
from stress.build.leaves import whole as _i
from stress.config.withdrawals import WithdrawalGateConfig, WithdrawalRunConfig, WithdrawalsConfig
from stress.protocol.margin.base import MarginCurve
from stress.protocol.venue import Venue
from stress.protocol.withdrawals import Gate, Withdrawals
from stress.types import Array
from stress.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE


def leaving_venue(venue: Venue, rules: WithdrawalsConfig | None, initial: MarginCurve, step_seconds: float) -> Venue:
    """The venue whose traders leave, as far as the section says so; ``initial`` margin stays in accounts."""
    if rules is None or rules.run is None:
        return venue
    return replace(venue, withdrawals=build_withdrawals(rules, rules.run, initial, step_seconds))


def build_withdrawals(
    rules: WithdrawalsConfig, run: WithdrawalRunConfig, initial: MarginCurve, step_seconds: float
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
