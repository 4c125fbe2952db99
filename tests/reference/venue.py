"""One path through the venue: the tick, in order."""

from __future__ import annotations

import math

import numpy as np

from stress.book.schema import Book
from tests.reference import adl, backstop, fairness, in_coins, insurance, ledger, pool_adl, waterfall
from tests.reference.adaptive import Factors
from tests.reference.auction import discount
from tests.reference.check import Check, closing_shares, covered_by, may_act, risk_check, watch
from tests.reference.clocks import Breaker, Funding, Oracle, first_and_end, funding_due
from tests.reference.contract import notional, worth
from tests.reference.guard import Guard, stands_still
from tests.reference.mark_price import MarkPrice
from tests.reference.orders import place
from tests.reference.result import Result
from tests.reference.rules import Rules
from tests.reference.settlement import Matches, Settlement, settle
from tests.reference.state import Conservation, Tick, Venue
from tests.reference.withdrawals import Withdrawals


def simulate(book: Book, rules: Rules, prices: np.ndarray, depth_multiplier: np.ndarray, step_seconds: float) -> Result:
    """The venue on given fundamental prices [T+1, A] in USD; depth_multiplier [T] scales the depth tick by tick."""
    prices, depth_multiplier = np.asarray(prices, dtype=float), np.asarray(depth_multiplier, dtype=float)
    if rules.contract == "linear":
        return Path(book, rules, prices, depth_multiplier, step_seconds).run()
    book, rules = in_coins.to_coins(book, rules, prices[0])
    return in_coins.to_usd(Path(book, rules, prices, depth_multiplier, step_seconds).run(), rules.markets, prices[0])


class Path:
    """One path: the venue, its clocks and the record. Axes: ``T`` ticks, ``A`` markets."""

    def __init__(self, book: Book, rules: Rules, prices: np.ndarray, depth_multiplier: np.ndarray,
                 step_seconds: float) -> None:
        ticks, markets = len(depth_multiplier), len(rules.markets)
        assert prices.shape == (ticks + 1, markets), f"prices {prices.shape}, depth_multiplier {depth_multiplier.shape}"
        assert book.markets == rules.markets, f"book {book.markets}, rules {rules.markets}"
        self.rules, self.prices, self.depth_multiplier, self.step = rules, prices, depth_multiplier, step_seconds
        self.venue = Venue.open(book, rules)
        self.first_mark = prices[0] * (1 + self.venue.displacements())
        self.oracle = Oracle(rules, prices[0], step_seconds)
        self.mark_price, self.last_index = MarkPrice(rules, prices[0], step_seconds), prices[0]
        self.guard = Guard(rules, prices[0], step_seconds)
        self.factors = Factors(rules, prices[0], step_seconds)
        self.breaker = Breaker(rules, prices[0], step_seconds)
        self.funding = Funding(rules, step_seconds)
        self.withdrawals = Withdrawals(rules, prices[0], step_seconds)
        self.conservation = Conservation(self.venue, prices[0])
        if self.venue.funds is not None:
            self.venue.funds.open(self.prices[0])
        self.result = Result(
            mark=np.zeros((ticks, markets)), oracle=np.zeros((ticks, markets)), fund=np.zeros(ticks),
            liquidated_by_tick=np.zeros((ticks, markets, 2)), liquidated_by_market=np.zeros(markets))

    def run(self) -> Result:
        """All ticks, then the final balances."""
        for k in range(1, len(self.prices)):
            tick = self._open_tick(k)
            self._deleverage_for_pool(tick)
            self._rounds(tick)
            self._close_tick(tick)
        venue, result = self.venue, self.result
        last = result.mark[-1] if len(result.mark) else self.prices[0]
        result.ledger["final"] = ledger.final_row(venue, last)
        value = notional(venue.rules, venue.size, last).sum(axis=1)
        for n, equity in enumerate(venue.equity(last)):
            if equity < -1e-9 * value[n] and venue.size[n].any() and not venue.book.residual[n]:  # a fee may take all
                result.underwater_accounts += 1
                result.unrealised_bad_debt -= float(equity)
        result.fund_end, result.keeper_cash = venue.fund, venue.keepers
        result.outside_cash, result.outside_size = venue.outside_cash, venue.outside_size
        result.cash, result.size = venue.cash, venue.size
        result.coin_proceeds, result.coins_sold, result.coins = venue.coin_proceeds, venue.outside_coins, venue.coins
        result.taken_over, result.vault_cash, result.vault_size = venue.taken_over, venue.vault_cash, venue.vault_size
        result.vault_low = min(venue.vault_low, venue.vault_worth(last))
        result.collateral_withdrawn, result.run_began = self.withdrawals.taken, self.withdrawals.began
        result.gate_shut_ticks = self.withdrawals.shut_ticks
        if venue.funds is not None:
            result.fund_flows, result.funds_depleted = venue.funds.flow, venue.funds.depleted
            result.withdrawn, result.fund_drawdowns = venue.funds.withdrawn, venue.funds.drawdown
            assert abs(float(venue.funds.flow.sum()) - venue.fund_flow) <= 1e-9 * (1 + np.abs(venue.funds.flow).sum())
        result.cash_residual = self.conservation.cash_residual
        result.contracts_residual = self.conservation.contracts_residual
        return result

    # --- steps 1 to 4: what happens before anybody is checked --------------------------------------------------------
    def _open_tick(self, k: int) -> Tick:
        rules, venue = self.rules, self.venue
        fundamental = self.prices[k]
        self._start_funds(k)
        if rules.recovery_half_life_minutes is not None:
            venue.z = venue.z * 2 ** (-self.step / (rules.recovery_half_life_minutes * 60))
        displaced = venue.displacements()
        depth = rules.depth_usd * self.depth_multiplier[k - 1] / (1 + rules.withdrawal * np.abs(displaced))
        still = stands_still(k, rules, self.step)
        backstop.sell(venue, fundamental, depth, [halted or still for halted in self.breaker.still_halted(k)], self.step)
        displaced = venue.displacements()
        mark = fundamental * (1 + displaced)
        venue.vault_low = min(venue.vault_low, venue.vault_worth(mark))
        spot = self.oracle.input(k, fundamental * (1 + rules.oracle_impact_share * displaced))
        self.oracle.start_tick(k, spot, self.last_index)
        index = self.oracle.price(spot)
        self.mark_price.start_tick(index, mark)
        venue.rules = self.factors.start_tick(k, index)
        blocked = self.guard.blocked(k, index, self.oracle.published_at)
        self.result.blocked_ticks += any(blocked)
        self._revalue(k)
        if funding_due(k, rules, self.step) and not still:
            self._pay_funding(mark, fundamental)
        self._withdraw(k, index, self.mark_price.price(index, mark), still)
        last_mark = self.result.mark[k - 2] if k > 1 else self.first_mark
        capacity = rules.keeper_capacity_usd_per_minute
        return Tick(
            number=k, fundamental=fundamental,
            depth=depth,
            halted=[halted or still or wait for halted, wait in
                    zip(self.breaker.start_tick(k, mark, last_mark), blocked, strict=True)],
            capacity_left=math.inf if capacity is None else capacity * self.step / 60,
            move=float(np.abs(mark / last_mark - 1).max()))

    def _start_funds(self, k: int) -> None:
        """The outside market pays the funds their income, and gets what depositors take."""
        venue = self.venue
        if venue.funds is not None:
            flow = venue.funds.start_tick(k, self.step)
            venue.fund_flow += flow
            venue.outside_cash -= flow
            self.conservation.check(venue)

    def _pay_funding(self, mark: np.ndarray, fundamental: np.ndarray) -> None:
        """Every party pays rate * mark * size from cash, residual account and outside market included.

        Where traders pay each other (GMX), the amount is rate * mark * the larger side's size, and a trader has that
        part of it that his position is of his side.
        """
        sizes = self.venue.size[~self.venue.book.residual]
        rules = self.rules
        for a, rate in enumerate(self.funding.rates(mark, fundamental, sizes)):
            per_unit = rate * float(notional(rules, 1.0, mark[a], a))
            if self.funding.shared():
                self._share_funding(a, per_unit)
                continue
            self.venue.cash -= per_unit * self.venue.size[:, a]
            self.venue.outside_cash -= per_unit * float(self.venue.outside_size[a])
            self.venue.vault_cash -= per_unit * float(self.venue.vault_size[a])
        self.conservation.check(self.venue)

    def _share_funding(self, a: int, per_unit: float) -> None:
        venue = self.venue
        traders = [n for n in range(len(venue.cash)) if not venue.book.residual[n]]
        longs = sum(venue.size[n, a] for n in traders if venue.size[n, a] > 0)
        shorts = sum(-venue.size[n, a] for n in traders if venue.size[n, a] < 0)
        amount = per_unit * max(longs, shorts)
        for n in traders:
            if amount != 0 and venue.size[n, a] != 0:
                venue.cash[n] -= amount * venue.size[n, a] / (longs if venue.size[n, a] > 0 else shorts)

    def _withdraw(self, k: int, index: np.ndarray, oracle: np.ndarray, still: bool) -> None:
        """What traders take out leaves the venue."""
        leaves = self.withdrawals.start_tick(k, self.venue, index, oracle, self.factors.factors, still)
        self.venue.cash -= leaves
        self.venue.withdrawn += float(leaves.sum())
        self.venue.stake -= leaves
        for n in np.flatnonzero(leaves):  # Reading: of the wallet first, in what has lost its peg
            if self.venue.wallet[n] > 0:
                units = leaves[n] / self.venue.peg if self.venue.peg > 0 else math.inf
                self.venue.wallet[n] = max(self.venue.wallet[n] - units, 0.0)
        self.conservation.check(self.venue)

    def _revalue(self, k: int) -> None:
        """Cross wallets lose or regain value, of accounts with a position; the outside market has the other side.

        Reading: what traders took out is no longer theirs to lose.
        """
        venue = self.venue
        for start, hours, loss, regained in self.rules.depegs:
            first, end = first_and_end(start, hours, self.step)
            share = -loss if k == first else regained if k == end else 0.0
            venue.peg += share
            for n in range(len(venue.cash)):
                if share and venue.size[n].any():
                    venue.cash[n] += share * venue.wallet[n]
                    venue.outside_cash -= share * venue.wallet[n]
        self.conservation.check(venue)

    def _deleverage_for_pool(self, tick: Tick) -> None:
        """The backstop closes winners whose profits are too much for the pool."""
        mark, oracle = self._prices_now(tick)
        pool_adl.deleverage(self.venue, tick, risk_check(self.venue, oracle, mark), self.prices[0], self.result)
        self.conservation.check(self.venue)

    # --- steps 5 to 10: rounds ---------------------------------------------------------------------------------------
    def _rounds(self, tick: Tick) -> None:
        """Rounds until nobody acts. Reading: the look beyond the last round only sets the status."""
        done = 0
        while done < self.rules.max_rounds and self._round(tick):
            done += 1
        if done == self.rules.max_rounds:
            mark, oracle = self._prices_now(tick)
            check = risk_check(self.venue, oracle, mark)
            self.withdrawals.watch(tick.number, check)
            waiting = dict(self.venue.first_seen)
            watch(self.venue, check, tick.number)
            free = may_act(self.venue, check, tick, self.step)
            if closing_shares(self.venue, check, tick, free, self.step):
                self.result.status = "max_rounds"
            self.venue.first_seen = waiting
        self.result.rounds += done
        self.result.rounds_by_tick.append(done)

    def _round(self, tick: Tick) -> bool:
        """One round: check, size, settle tentatively, ADL, settle, pay. False when nobody acted."""
        venue, result = self.venue, self.result
        mark, oracle = self._prices_now(tick)
        check = risk_check(venue, oracle, mark)
        self.withdrawals.watch(tick.number, check)
        watch(venue, check, tick.number)
        shares = closing_shares(venue, check, tick, may_act(venue, check, tick, self.step), self.step)
        if not shares:
            return False
        tick.acted |= set(shares)
        kept = backstop.taken(venue, check, list(shares))
        orders = place(venue, check, tick, {n: share for n, share in shares.items() if n not in kept}, self.step)
        result.cut += float(notional(venue.rules, orders.cut, mark).sum())
        result.stranded += float(notional(venue.rules, orders.stranded, mark).sum())
        orders.taken, orders.to_vault = sum((venue.size[n] for n in kept), np.zeros(len(mark))), list(kept)
        for n in orders.accounts:
            rate = discount(self.rules, tick.number - venue.first_seen[n], self.step)
            venue.covered[n] += covered_by(venue, check, n, orders.quantity[n], rate)
        tentative = settle(venue, tick, orders, Matches())
        share = waterfall.adl_share(venue, check, tentative, result, self._hours(tick), self.step)
        matches = adl.match(venue, check, orders, tentative, share, tick.number)
        fairness.note(venue, check, tentative, matches, result, self.step)
        final = settle(venue, tick, orders, matches)
        units = np.zeros(len(mark))
        for fill in final.book:
            units[fill.market] += abs(fill.quantity)
        venue.liquidated.append((tick.number, units + sum((np.abs(venue.size[n]) for n in kept), np.zeros(len(mark)))))
        self._commit(tick, final, sorted({*orders.accounts, *(fill.account for fill in matches.losers)}))
        self._take_over(tick, kept, oracle, check)
        ledger.add_round(venue, tick, final)
        if venue.funds is not None:
            venue.funds.see(insurance.inflow(venue, final))
        owed = sum(tentative.deficits.values())
        result.bad_debt += owed
        result.insolvent_notional += sum(fill.notional(self.rules) for fill in tentative.book
                                          if tentative.deficits.get(fill.account, 0.0) > 0)
        result.adl_haircut += owed - sum(final.deficits.values())
        if final.deficits:
            waterfall.pay(venue, tick, check, final, owed, result, self.step)
        if venue.funds is not None:
            venue.funds.flow = venue.funds.flow + insurance.inflow(venue, final)
        self.conservation.check(venue)
        return True

    def _commit(self, tick: Tick, final: Settlement, accounts: list[int]) -> None:
        """Makes a settlement the venue's balances; the outside market takes the other side of every book fill."""
        venue, result = self.venue, self.result
        in_part = ((final.size != 0) & (final.size != venue.size)).any(axis=1)
        venue.cash, venue.size, venue.z = final.cash, final.size, final.z
        venue.coins = final.coins
        venue.vault_cash += final.vault_coins
        for _, a, units, price in final.coin_sales:
            venue.outside_coins[a] += units
            venue.outside_cash -= units * price
            venue.coin_proceeds += units * price
        venue.keepers += final.keeper_fees + final.liquidators_gain
        venue.outside_cash -= final.liquidators_gain
        venue.fund_flow += final.inflow
        venue.fund_peak = max(venue.fund_peak, venue.fund)
        for fill in final.book:
            venue.outside_size[fill.market] += fill.quantity
            venue.outside_cash -= fill.quantity * float(worth(venue.rules, fill.price, fill.market))
        for n in accounts:
            if not self.rules.remembers_first_breach():
                venue.first_seen.pop(n, None)
            if in_part[n] or self.rules.order in (None, "together"):
                venue.last_closed[n] = tick.number
        result.fees_to_fund += final.fund_fees
        result.remainders_to_fund += final.remainders
        result.liquidated_accounts += len(accounts)
        for fill in [*final.book, *final.matches.losers]:
            value = fill.notional(venue.rules)
            result.liquidated_notional += value
            result.liquidated_by_market[fill.market] += value
            result.liquidated_by_tick[tick.number - 1, fill.market, int(fill.quantity < 0)] += value
        for fill in final.matches.winners:
            value = fill.notional(venue.rules)
            result.adl_notional += value
            result.adl_residual_notional += value if venue.book.residual[fill.account] else 0.0
        result.adl_accounts += len({fill.account for fill in final.matches.winners})
        displaced = np.abs(final.displaced)
        result.max_displacement = max(result.max_displacement, float(displaced.max()))
        walked = {fill.market for fill in final.book} | {a for _, a, _, _ in final.coin_sales}  # a flow ended there
        result.displacement_capped += sum(displaced[a] >= self.rules.max_displacement for a in walked)

    def _take_over(self, tick: Tick, kept: dict[int, float], oracle: np.ndarray, check: Check) -> None:
        """The backstop takes accounts over, besides what a round does through the book."""
        result, venue = self.result, self.venue
        for fill in backstop.take(venue, kept, check):
            usd = float(notional(venue.rules, fill.quantity, oracle[fill.market], fill.market))
            result.liquidated_notional += usd
            result.liquidated_by_market[fill.market] += usd
            result.liquidated_by_tick[tick.number - 1, fill.market, int(fill.quantity < 0)] += usd
            venue.taken_over += usd
            pool_adl.note(venue, fill)
            result.insolvent_notional += usd if check.worth[fill.account] < 0 else 0.0
            venue.first_seen.pop(fill.account, None)
            tick.liquidations.append(ledger.row(venue, fill) | {"fee": 0.0, "deficit": 0.0})
        result.liquidated_accounts += len(kept)

    # --- step 11: record ---------------------------------------------------------------------------------------------
    def _close_tick(self, tick: Tick) -> None:
        mark, oracle = self._prices_now(tick)
        self.last_index = self._index_now(tick)
        row = tick.number - 1
        self.result.closed_in_part += tick.in_part
        self.result.mark[row], self.result.oracle[row], self.result.fund[row] = mark, oracle, self.venue.fund
        self.result.ledger["ticks"].append(ledger.tick_row(self.venue, tick, self._hours(tick), mark, oracle))

    def _prices_now(self, tick: Tick) -> tuple[np.ndarray, np.ndarray]:
        """Mark and price of the risk check [A] at this moment of the tick."""
        last = tick.fundamental * (1 + self.venue.displacements())
        return last, self.mark_price.price(self._index_now(tick), last)

    def _index_now(self, tick: Tick) -> np.ndarray:
        """What the oracle shows [A] at this moment of the tick."""
        spot = tick.fundamental * (1 + self.rules.oracle_impact_share * self.venue.displacements())
        return self.oracle.price(self.oracle.input(tick.number, spot))

    def _hours(self, tick: Tick) -> float:
        return tick.number * self.step / 3600
