"""Cross-field checks of ``protocol.withdrawals``."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.schema import Config
from stress.config.withdrawals import WithdrawalRunConfig, WithdrawalsConfig
from stress.errors import bad_value
from stress.units import SECONDS_PER_MINUTE

KEY = "protocol.withdrawals"


def reads_fund(rules: WithdrawalsConfig) -> bool:
    """Whether what leaves depends on what the fund holds."""
    return any(part is not None and part.fund_below is not None for part in (rules.run, rules.gate))


def check_withdrawals(config: Config) -> Iterator[str]:
    """Messages on what traders take out. A gate alone stops nobody and is fine."""
    rules = config.protocol.withdrawals
    if rules is None:
        return
    yield from _window(rules, config.run.step_seconds)
    if rules.run is not None:
        yield from _run(rules.run, config.run.step_seconds)
        yield from _together(config)
    if reads_fund(rules) and "insurance_fund" not in config.protocol.waterfall:
        yield str(bad_value(f"{KEY}.*.fund_below", "a share", "null while protocol.waterfall has no insurance_fund",
                            "There is no fund that could fall."))


def _window(rules: WithdrawalsConfig, step: float | None) -> Iterator[str]:
    moves = any(part is not None and part.move_above is not None for part in (rules.run, rules.gate))
    minutes, key = rules.window_minutes, f"{KEY}.window_minutes"
    if moves and minutes is None:
        yield str(bad_value(key, None, "a time when run.move_above or gate.move_above is given",
                            "Say within what time the index has moved."))
    if minutes is not None and step is not None and minutes * SECONDS_PER_MINUTE < step * (1 - 1e-9):
        yield str(bad_value(key, minutes, f"at least one tick (run.step_seconds={step:g})"))


def _run(run: WithdrawalRunConfig, step: float | None) -> Iterator[str]:
    if run.fund_below is None and run.move_above is None:
        yield str(bad_value(f"{KEY}.run", "neither fund_below nor move_above", "one of them at least",
                            "Nothing would begin the run: say what does, or set it to null."))
    if step is not None and run.every_minutes * SECONDS_PER_MINUTE < step * (1 - 1e-9):
        yield str(bad_value(f"{KEY}.run.every_minutes", run.every_minutes,
                            f"at least one tick (run.step_seconds={step:g})"))


def _together(config: Config) -> Iterator[str]:
    """What a run of traders does not go with."""
    rules = config.protocol.withdrawals
    if rules is not None and reads_fund(rules) and config.run.fund_curve:
        yield str(bad_value("run.fund_curve", True, f"false with {KEY}.run.fund_below or {KEY}.gate.fund_below",
                            "What leaves depends on the size of the fund, so one run does not tell of all sizes: "
                            "give run.fund_curve=false, and sweep protocol.insurance_fund."))
