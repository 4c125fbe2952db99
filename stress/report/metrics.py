"""What each metric is called, how it is printed, and what it means in a sentence for a risk analyst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stress.report import format as fmt
from stress.report.format import FORMATS, is_number
from stress.report.load import Run


@dataclass(frozen=True)
class Wording:
    """Title, kind of quantity, a sentence around the estimate, and one for an estimate of zero."""

    title: str
    kind: str
    text: str
    never: str


WORDINGS = {
    "depletion_probability": Wording(
        "Fund depletion", "percent", "The insurance fund of {fund} runs out in {value} of {horizon} periods: {odds}.",
        "No path used up the fund of {fund}. That is not zero risk: with {confidence} confidence the probability is "
        "below {high}."),
    "time_to_depletion_hours": Wording(
        "Time to depletion", "hours", "Where the fund runs out, it does so {value} after the start{average}.",
        "Where the fund runs out, it does so at once."),
    "fund_drawdown_var_99": Wording(
        "Fund drawdown, 99 % VaR", "usd", "In 99 of 100 periods the fund pays out no more than {value}, net of the "
                                          "fees it takes in.",
        "In 99 of 100 periods the fees cover all deficits and the fund loses nothing."),
    "fund_drawdown_es_99": Wording(
        "Fund drawdown, 99 % ES", "usd", "In the worst 1 % of periods the fund pays out {value} on average.",
        "Even in the worst 1 % of periods the fund loses nothing."),
    "required_fund_99": Wording(
        "Fund for a 1 % chance", "usd", "A fund of {value} runs out in 1 of 100 periods; {plan}",
        "No fund is needed to keep depletion to 1 of 100 periods."),
    "required_fund_999": Wording(
        "Fund for a 0.1 % chance", "usd", "A fund of {value} runs out in 1 of 1,000 periods; {plan}",
        "No fund is needed to keep depletion to 1 of 1,000 periods."),
    "required_fund_9999": Wording(
        "Fund for a 0.01 % chance", "usd", "A fund of {value} runs out in 1 of 10,000 periods; {plan}",
        "No fund is needed to keep depletion to 1 of 10,000 periods."),
    "cascade_probability": Wording(
        "Liquidation cascade", "percent", "In {value} of periods ({odds}) liquidations feed on each other: {cascade}.",
        "No path had a cascade; with {confidence} confidence the probability is below {high}."),
    "amplification": Wording(
        "Amplification", "plain", "For every $1 that prices alone would liquidate, ${value} is liquidated once the "
                                  "venue's own selling "
        "moves the price.", "Nothing is liquidated with price impact, though something is without."),
    "liquidated_notional": Wording(
        "Liquidated notional", "usd", "On average {value} of positions is closed by force in {horizon}.",
        "No position was closed by force on any path."),
    "liquidated_accounts": Wording(
        "Liquidations", "plain", "On average {value} liquidations of margin accounts in "
                                 "{horizon}.", "No account was liquidated on any path."),
    "fund_shortfall": Wording(
        "Shortfall of the fund", "usd", "Deficits exceed the fund of {fund} by {value} on average over all periods.",
        "The fund of {fund} covers the net deficits of every path."),
    "bad_debt": Wording(
        "Deficits", "usd", "Closed accounts end {value} below zero on average: the loss that somebody else carries.",
        "No closed account ended below zero on any path."),
    "insolvent_notional": Wording(
        "Insolvent notional", "usd", "On average {value} is closed of accounts that end below zero.",
        "No account that was closed ended below zero on any path."),
    "unrealised_bad_debt": Wording(
        "Deficits not yet realised", "usd",
        "At the end accounts are still open that lack {value} on average: nobody has closed them, and nobody has paid.",
        "No path ends with an open account under water."),
    "insurance_paid": Wording(
        "… paid by the fund", "usd", "Of the deficits the fund pays {value} on average.", "The fund paid nothing."),
    "adl_haircut": Wording(
        "… borne by winners", "usd", "ADL takes {value} of the deficits off on average, at the winners' expense.",
        "No deficit was passed to winners."),
    "socialised_loss": Wording(
        "… socialised", "usd", "Everybody {levied} pays {value} in sum, on average.", "Nothing was socialised."),
    "uncovered": Wording(
        "… uncovered", "usd", "{value} stays on the venue's ledger, on average.", "Nothing stayed uncovered."),
    "fees_to_fund": Wording(
        "Fees to the fund", "usd", "Liquidations bring the fund {value} on average.", "The fund took in nothing."),
    "adl_probability": Wording(
        "Auto-deleveraging", "percent", "In {value} of periods ({odds}) winning positions are cut to pay for deficits.",
        "No path deleveraged a winner; with {confidence} confidence the probability is below {high}."),
    "adl_notional": Wording(
        "Deleveraged notional", "usd", "On average {value} of winners' positions is closed by ADL in {horizon}.",
        "No winner's position was closed by ADL on any path."),
    "adl_hit_share": Wording(
        "Winners hit by ADL", "percent", "Where ADL happens, it cuts {value} of the accounts in profit, on average.",
        "Where ADL happened, no account in profit was cut."),
    "adl_largest_haircut": Wording(
        "Largest haircut", "percent",
        "Where ADL happens, the account hit hardest gives up {value} of its profit, on average.",
        "Nobody in profit gave anything up to ADL."),
    "adl_gini": Wording(
        "Gini coefficient of haircuts", "plain",
        "How unequally accounts in profit bear ADL: {value} on average, between 0 (all alike) and 1 (one alone).",
        "All accounts in profit gave up the same share of it."),
    "adl_cost": Wording(
        "Given up to ADL", "usd", "Winners are closed {value} worse than at the mark, on average.",
        "No winner was closed worse than at the mark."),
    "adl_overshoot": Wording(
        "ADL over what was needed", "plain",
        "For every $1 of deficits that the fund lacked, ADL took ${value} off the deficits.",
        "ADL took nothing off the deficits that the fund could not pay."),
    "socialised_loss_probability": Wording(
        "Socialised loss", "percent", "In {value} of periods ({odds}) everybody {levied} pays a share of the loss.",
        "No path socialised a loss; with {confidence} confidence the probability is below {high}."),
    "taken_over": Wording(
        "Taken over by the backstop", "usd", "On average the backstop takes {value} of positions over in {horizon}.",
        "The backstop took nothing over on any path."),
    "backstop_loss": Wording(
        "Backstop's largest loss", "usd", "At its worst the backstop is down {value}, on average over paths.",
        "The backstop was never down on any path."),
    "backstop_depletion_probability": Wording(
        "Backstop depleted", "percent", "In {value} of periods ({odds}) the backstop loses more than its capital.",
        "No path cost the backstop its capital; with {confidence} confidence the probability is below {high}."),
    "withdrawn": Wording(
        "Withdrawn from the fund", "usd", "Depositors take {value} out of the fund, on average over paths.",
        "Depositors took nothing out of the fund on any path."),
    "coins_sold": Wording(
        "Coins sold", "usd", "On average {value} of collateral in coins is sold after its owners' positions in "
                             "{horizon}.",
        "No collateral in coins was sold on any path."),
    "oracle_blocked_hours": Wording(
        "Waiting for the oracle", "hours",
        "For {value} of {horizon}, on average, some market's index cannot be trusted and nobody in it is liquidated.",
        "No path made accounts wait for the oracle."),
    "margin_multiplier": Wording(
        "Highest margin requirements", "plain",
        "At the most requirements are {value} times the usual, on average over paths.",
        "Requirements never rose."),
    "withdrawal_run_probability": Wording(
        "Traders run", "percent", "In {value} of periods ({odds}) a run of traders begins.",
        "Traders ran on no path; with {confidence} confidence the probability is below {high}."),
    "collateral_withdrawn": Wording(
        "Withdrawn by traders", "usd", "Traders take {value} of free collateral out, on average over paths.",
        "Traders took nothing out on any path."),
    "gate_shut_hours": Wording(
        "Withdrawal gate shut", "hours", "For {value} of {horizon}, on average, the gate lets nothing out.",
        "The gate was never shut on any path."),
    "max_displacement": Wording(
        "Largest displacement", "percent", "At its worst the venue's own selling moves the mark {value} from the "
                                           "fundamental price, "
        "on average over paths.", "The venue's own selling never moved the mark."),
}
"""In the order of the headline table; metrics not named here follow with their own name."""

_OF_MARKET = "depletion_probability_"
LEVIED = {"profit": "in profit", "equity": "with equity", "contracts": "with a position"}

_UNITS = {"USD": "usd", "probability": "percent", "relative": "percent", "hours": "hours"}
"""Kind of quantity by the unit of a metric; other units are printed as plain numbers."""


def insured(run: Run) -> bool:
    """Whether the venue has an insurance fund."""
    layers = run.setting("protocol.waterfall")
    return layers is None or "insurance_fund" in layers


def kind_of(name: str, metric: dict[str, Any]) -> str:
    """Kind of quantity of a metric: by its wording, else by its unit."""
    wording = wording_of(name)
    if wording is not None:
        return wording.kind
    return _UNITS.get(str(metric.get("unit")), "plain")


def title_of(name: str) -> str:
    """Title of a metric for tables and axes."""
    wording = wording_of(name)
    return name.replace("_", " ").capitalize() if wording is None else wording.title


def wording_of(name: str) -> Wording | None:
    """The wording of a metric, or of one of a market."""
    if not name.startswith(_OF_MARKET):
        return WORDINGS.get(name)
    market = name.removeprefix(_OF_MARKET)
    return Wording(f"Fund depletion, {market}", "percent",
                   f"In {{value}} of periods ({{odds}}) the fund of {market} runs out.",
                   f"No path used up the fund of {market}; with {{confidence}} confidence the probability is below "
                   "{high}.")


def printed(name: str, metric: dict[str, Any], which: str = "estimate") -> str:
    """A bound or the estimate of a metric, with its unit."""
    return FORMATS[kind_of(name, metric)](metric.get(which))


def interval(name: str, metric: dict[str, Any]) -> str:
    """The interval in words: ``a to b``, or the finite bound alone."""
    low, high = metric.get("low"), metric.get("high")
    if is_number(low) and is_number(high):
        return f"{printed(name, metric, 'low')} to {printed(name, metric, 'high')}"
    if is_number(low):
        return f"at least {printed(name, metric, 'low')}"
    return f"at most {printed(name, metric, 'high')}" if is_number(high) else fmt.NOTHING


WITHOUT_FUND = {
    "depletion_probability": Wording(
        "Fund depletion", "percent", "The venue has no insurance fund: in {value} of {horizon} periods ({odds}) some "
                                     "account ends below zero.",
        "The venue has no insurance fund, and no account ended below zero on any path; with {confidence} confidence "
        "the probability is below {high}."),
    "time_to_depletion_hours": Wording(
        "Time to depletion", "hours", "Where some account ends below zero, the first does so {value} after the "
                                      "start{average}.",
        "Where some account ends below zero, it does so at once."),
}
"""What the same metrics mean where no insurance fund is in the waterfall."""


def meaning(name: str, metric: dict[str, Any], run: Run) -> str:
    """One plain sentence about a metric; the reason when there is no estimate."""
    reason = f" ({metric['reason']})" if metric.get("reason") else ""
    estimate = metric.get("estimate")
    if not is_number(estimate):
        return f"Not available{': ' + str(metric['reason']) if reason else ''}."
    wording = wording_of(name)
    if not insured(run):
        wording = WITHOUT_FUND.get(name, wording)
    if wording is None:
        return f"Unit: {metric.get('unit') or 'none'}{reason}."
    if estimate == 0 and reason and not is_number(metric.get("high")):
        return f"Zero in this sample, which sets no finite upper limit{reason}."
    text = (wording.text if estimate else wording.never).format(**_words(name, metric, run))
    return f"{text[:-1]}{reason}." if reason else text


def _words(name: str, metric: dict[str, Any], run: Run) -> dict[str, str]:
    value, high = metric["estimate"], metric.get("high")
    confidence = fmt.percent_tick(metric.get("confidence") or run.confidence)
    window, share = run.setting("cascade.window_minutes"), run.setting("cascade.open_interest_share")
    return {
        "value": printed(name, metric), "high": printed(name, metric, "high"), "fund": fmt.usd(run.fund),
        "levied": LEVIED[(run.setting("protocol.socialised_loss") or {}).get("by", "profit")],
        "confidence": confidence, "horizon": fmt.hours(run.horizon_hours),
        "odds": fmt.one_in(value) if 0 < value <= 1 else "never",
        "average": " (median)" if "median" in str(metric.get("method")) else " on average",
        "plan": f"to be {confidence} sure of that, plan for {fmt.usd(high)}." if is_number(high)
                else "this sample sets no finite upper limit.",
        "cascade": f"more than {fmt.percent_tick(share)} of open interest within {fmt.plain(window)} min, most of it "
                   "self-made"
                   if share is not None else "most of it self-made"}


def in_order(metrics: dict[str, Any]) -> list[str]:
    """Names of the metrics of a summary in reading order."""
    return [n for n in WORDINGS if n in metrics] + sorted(n for n in metrics if n not in WORDINGS)
