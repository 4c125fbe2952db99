"""What runs on its own clock: the oracle, the breaker, funding. Durations become whole ticks here."""

from __future__ import annotations

import math

import numpy as np

from stress.config.markets import per_market
from tests.reference.rules import Rules


def first_and_end(start_hours: float, hours: float, step_seconds: float) -> tuple[int, float]:
    """The first tick, from 1 on, not before a time, and the first tick after it for which something no longer holds.

    Reading: it holds for as many ticks as its duration takes, rounded up, also where it starts between two ticks.
    """
    def ticks(hours: float) -> int:
        return max(1, math.ceil(round(hours * 3600 / step_seconds, 9)))

    first = ticks(start_hours)
    return first, math.inf if math.isinf(hours) else first + ticks(hours)


class Oracle:
    """The price the risk check sees, per market.

    Reading: the oracle is instant, and then follows the mark within a tick's rounds, only when lag and interval are
    both zero seconds; a lag that rounds to zero ticks still freezes it for the tick.
    """

    def __init__(self, rules: Rules, initial: np.ndarray, step_seconds: float) -> None:
        self.instant = rules.oracle_lag_seconds == 0 and rules.oracle_interval_seconds == 0
        self.lag = round(rules.oracle_lag_seconds / step_seconds)
        self.every = max(1, round(rules.oracle_interval_seconds / step_seconds))
        self.threshold = rules.oracle_deviation_threshold
        self.history = [initial.copy()]  # the oracle input at the start of tick k, [A]; entry 0 is time zero
        self.published = initial.copy()  # [A]
        self.freezes = [(*first_and_end(start, hours, step_seconds), names) for start, hours, names in rules.freezes]
        self.markets = rules.markets
        self.silent = [False] * len(initial)
        self.published_at = [0] * len(initial)  # tick of the last publication, [A]
        self.wrong = [(*first_and_end(start, hours, step_seconds), errors)
                      for start, hours, errors in rules.manipulations]

    def start_tick(self, k: int, current: np.ndarray, last: np.ndarray) -> None:
        """Enters tick k's input [A] in the history and publishes what is due; ``last`` [A] was seen last.

        Reading: a silent market shows that, also where it follows the mark else; what was due in the meantime is
        published in the first tick after.
        """
        was = self.silent
        self.silent = [any(first <= k < end and name in names for first, end, names in self.freezes)
                       for name in self.markets]
        self.history.append(current.copy())
        candidate = self.history[max(k - self.lag, 0)]
        for a in range(len(candidate)):
            moved = abs(candidate[a] / self.published[a] - 1)
            if self.silent[a]:
                self.published[a] = last[a]
            elif self.instant or was[a] or k % self.every == 0 or (self.threshold > 0 and moved > self.threshold):
                self.published[a] = candidate[a]
                self.published_at[a] = k

    def input(self, k: int, spot: np.ndarray) -> np.ndarray:
        """What the oracle takes for the ``spot`` price [A] in tick k; several errors multiply."""
        for first, end, errors in self.wrong:
            if first <= k < end:
                spot = spot * (1 + np.array(errors))
        return spot

    def price(self, current: np.ndarray) -> np.ndarray:
        """Oracle price [A]; ``current`` [A] is the oracle input at this moment."""
        follows = np.array([self.instant and not silent for silent in self.silent])
        return np.where(follows, current, self.published)


class Breaker:
    """Halts a market after a large move."""

    def __init__(self, rules: Rules, initial: np.ndarray, step_seconds: float) -> None:
        self.move = rules.breaker_move
        self.window = max(1, round(rules.breaker_window_minutes * 60 / step_seconds))
        self.ticks = max(1, math.ceil(rules.breaker_halt_minutes * 60 / step_seconds))
        self.reference = initial.copy()  # [A]
        self.until = [0] * len(initial)  # last halted tick of the latest halt

    def still_halted(self, k: int) -> list[bool]:
        """Whether each market is halted in tick k by what happened before it."""
        return [self.move is not None and k <= until for until in self.until]

    def start_tick(self, k: int, mark: np.ndarray, last_mark: np.ndarray) -> list[bool]:
        """Whether each market is halted in tick k; ``mark`` [A] now, ``last_mark`` [A] the final one of tick k-1."""
        if self.move is None:
            return [False] * len(mark)
        for a in range(len(mark)):
            resumes = self.until[a] > 0 and k == self.until[a] + 1
            if (k - 1) % self.window == 0 or resumes:
                self.reference[a] = last_mark[a]
            if k > self.until[a] and abs(mark[a] / self.reference[a] - 1) > self.move:
                self.until[a] = k + self.ticks - 1
        return [k <= until for until in self.until]


def funding_due(k: int, rules: Rules, step_seconds: float) -> bool:
    """Whether tick k ends a funding interval."""
    if rules.funding_interval_hours is None:
        return False
    return k % max(1, round(rules.funding_interval_hours * 3600 / step_seconds)) == 0


class Funding:
    """The rates of payments, and what they remember from one to the next."""

    def __init__(self, rules: Rules, step_seconds: float) -> None:
        self.rules = rules
        if rules.funding_interval_hours is not None:
            ticks = max(1, round(rules.funding_interval_hours * 3600 / step_seconds))
            self.hours = ticks * step_seconds / 3600  # that are paid for
        kind = {"velocity": rules.funding_velocity, "adaptive": rules.funding_adaptive}.get(rules.funding_kind)
        self.level = [0.0 if kind is None else float(kind.initial_rate)] * len(rules.markets)

    def rates(self, mark: np.ndarray, fundamental: np.ndarray, sizes: np.ndarray) -> list[float]:
        """Rate [A] of a payment at prices [A]; ``sizes`` [N, A] are those of all accounts but the residual one.

        Of an adaptive rate it is that of the larger side's open interest.

        Reading: the skew at the payment is taken for all of the interval before it.
        """
        found = []
        for a in range(len(mark)):
            longs = float(sizes[sizes[:, a] > 0, a].sum())
            shorts = -float(sizes[sizes[:, a] < 0, a].sum())
            match self.rules.funding_kind:
                case "velocity":
                    found.append(self._velocity(a, longs - shorts))
                case "adaptive":
                    found.append(self._adaptive(a, longs, shorts))
                case _:
                    found.append(funding_rate(float(mark[a]), float(fundamental[a]), self.rules, self.hours))
        return found

    def shared(self) -> bool:
        """Whether traders pay each other: one side's total is shared by the other side's size."""
        return self.rules.funding_kind == "adaptive" and self.rules.funding_shared

    def _velocity(self, a: int, skew: float) -> float:
        """The rate a day moves; its mean over the interval is paid."""
        numbers, days, before = self.rules.funding_velocity, self.hours / 24, self.level[a]
        assert numbers is not None
        fastest = float(per_market(numbers.max_velocity, list(self.rules.markets), "max_velocity")[a])
        self.level[a] += _clip(skew / float(numbers.skew_scale), 1.0) * fastest * days
        return (before + self.level[a]) / 2 * days

    def _adaptive(self, a: int, longs: float, shorts: float) -> float:
        """The rate a second moves; the interval pays the new one."""
        numbers, seconds, rate = self.rules.funding_adaptive, self.hours * 3600, self.level[a]
        assert numbers is not None
        skew = (longs - shorts) / (longs + shorts) if longs + shorts > 0 else 0.0
        skew = skew if abs(skew) > 1e-12 else 0.0
        same_side = rate * skew > 0 or rate == skew == 0
        if not same_side or abs(skew) > numbers.stable_above:
            rate += skew * numbers.increase * seconds
        elif abs(skew) < numbers.fading_below:
            left = max(abs(rate) - numbers.decrease * seconds, 1e-30)  # it keeps its side
            rate = math.copysign(left, rate) if rate != 0 else 0.0
        if longs <= 0 or shorts <= 0:  # nobody pays or nobody receives: it is forgotten
            self.level[a] = 0.0
            return 0.0
        self.level[a] = _clip(rate, numbers.largest)
        paid = min(max(abs(rate), numbers.smallest), numbers.largest)
        return (-paid if rate < 0 else paid) * seconds


def funding_rate(mark: float, fundamental: float, rules: Rules, hours: float = math.nan) -> float:
    """Rate of one payment for ``hours``; positive: longs pay shorts."""
    premium = mark / fundamental - 1 + rules.funding_premium
    if rules.funding_kind == "deadband":
        beyond = abs(premium) - rules.funding_deadband
        return _clip(math.copysign(beyond, premium) if beyond > 0 else 0.0, rules.funding_cap)
    pull = _clip(rules.funding_interest_rate - premium, rules.funding_clamp)
    share = 1.0 if rules.funding_premium_hours is None else hours / rules.funding_premium_hours
    return _clip((premium + pull) * share, rules.funding_cap)


def _clip(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))
