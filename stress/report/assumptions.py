"""What the run assumed, from its config, and what the model leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stress.report import format as fmt
from stress.report.collateral import AT_PAR, collateral, left_out
from stress.report.contract import COINS, contract, inverse
from stress.report.format import count, joined, percent_tick, plain_tick, seconds, usd_tick
from stress.report.history import history, source_words, speed_words
from stress.report.insurance import insurance, levied
from stress.report.liquidation import adl_trigger, backstop, liquidation, modelled_on
from stress.report.load import Run
from stress.report.margin import adaptive_margin, gain_margin, interest_margin, size_margin
from stress.report.oracle import oracle
from stress.report.own_book import BY_BOOK, own_book
from stress.report.shocks import CONDITIONAL, has_kind, shocks_in_force
from stress.report.withdrawals import BOOK_SHRINKS, leaves, withdrawals


def assumptions(run: Run) -> list[tuple[str, str]]:
    """Topic and setting, in words, of everything that drives the result; unknown settings are left out."""
    if not run.config:
        return [("Configuration", "not found in the run folder (.hydra/config.yaml)")]
    rows = [("Market model", _market(run)), ("Speed", speed_words(run)), ("Jumps", _jumps(run)),
            ("Regimes", _regimes(run)), ("Hypothetical shocks", shocks_in_force(run, _each)), ("Book", _book(run)),
            ("Rules modelled on", modelled_on(run)), ("Contract", contract(run)), ("Margin", _margin(run)),
            ("Collateral", collateral(run, _each)), ("Liquidation", liquidation(run)),
            ("Backstop", backstop(run)), ("Who pays", _waterfall(run)),
            ("Insurance fund", insurance(run, _each)),
            ("Withdrawals", withdrawals(run)),
            ("Funding", _funding(run)), ("Oracle", oracle(run)), ("Circuit breaker", _breaker(run)),
            ("Order book", _liquidity(run)), ("Time", _time(run)), ("Engine", _engine(run))]
    return [(topic, text) for topic, text in rows if text]


def _each(run: Run, value: Any, formatter: Callable[[Any], str]) -> str:
    """A per-market value (number, list or map) in words, once where it is the same for all markets."""
    if isinstance(value, dict):
        value = [value.get(name, value.get("default")) for name in run.markets]
    if not isinstance(value, list):
        return formatter(value)
    texts = [formatter(v) for v in value]
    if len(set(texts)) == 1:
        return texts[0]
    return ", ".join(f"{name} {text}" for name, text in zip(run.markets, texts, strict=False))


def _market(run: Run) -> str:
    if history(run):
        return source_words(run)
    if run.setting("price.model") == "replay":
        return f"a given price path ({run.setting('price.path')}): no randomness in prices"
    return "; ".join([", ".join(run.markets), *_variance(run), *(
        f"{name} a year {_each(run, value, percent_tick)}" for name in ("volatility", "drift")
        if (value := run.setting(f"price.{name}")) is not None)])


def _variance(run: Run) -> list[str]:
    """The variance part in words, where it is not constant."""
    part = run.setting("price.variance") or {}
    if part.get("kind") == "heston":
        numbers = ((name, part.get(name)) for name in ("kappa", "theta", "xi", "rho"))
        return ["Heston variance (" + "; ".join(f"{name} {_each(run, v, plain_tick)}" for name, v in numbers) + ")"]
    if part.get("kind") == "garch":
        numbers = ((name, part.get(name)) for name in ("alpha", "gamma", "beta", "nu"))
        words = "; ".join(f"{name} {_each(run, v, plain_tick)}" for name, v in numbers if v is not None)
        return [f"GARCH on bars of {seconds(part.get('period_seconds'))} ({words})"]
    return []


def _jumps(run: Run) -> str:
    kind = run.setting("price.jump.kind")
    if run.setting("price.model") in ("replay", "bootstrap"):
        return ""
    if kind == "none":
        return "none"
    duration, step = run.setting("price.jump_duration_seconds"), run.setting("run.step_seconds")
    spread = f"each spread over {seconds(duration)} (assumed) with ticks of {seconds(step)}"
    jump = run.setting("price.jump")
    if jump is None:
        return f"every regime's own; {spread}"
    return (f"{kind}: own {_each(run, jump.get('intensity'), plain_tick)} a year {_sizes(run, jump)}; "
            f"common {plain_tick(jump.get('common_intensity') or 0)} a year; {_excitation(run)}{spread}")


def _sizes(run: Run, jump: dict[str, Any]) -> str:
    """The law of the own jumps in words."""
    if jump.get("kind") == "kou":
        up = _each(run, jump.get("up_probability"), percent_tick)
        return (f"({up} of them up), exponential with rates {_each(run, jump.get('eta_up'), plain_tick)} up and "
                f"{_each(run, jump.get('eta_down'), plain_tick)} down")
    return (f"with mean {_each(run, jump.get('mean'), percent_tick)} and standard deviation "
            f"{_each(run, jump.get('std'), percent_tick)}")


def _excitation(run: Run) -> str:
    """What excites jumps, in words."""
    part = run.setting("price.intensity") or {}
    if part.get("kind") != "hawkes":
        return ""
    gain = part.get("liquidation_gain")
    answer = "" if gain is None else f", liquidations of all open interest add {_each(run, gain, plain_tick)} a year"
    return (f"self-exciting: a jump adds {_each(run, part.get('alpha'), plain_tick)} a year, fading at "
            f"{_each(run, part.get('beta'), plain_tick)} a year{answer}; ")


def _regimes(run: Run) -> str:
    regimes = run.setting("price.regimes")
    if not regimes:
        return ""
    words = [f"{name} ({_regime(run, r or {})})" for name, r in regimes.items()]
    return f"{', '.join(words)}; start: {run.setting('price.initial_regime')}"


def _regime(run: Run, regime: dict[str, Any]) -> str:
    volatility = regime.get("volatility")
    own = f"volatility {_each(run, volatility, percent_tick)}, " if volatility is not None else ""
    return f"{own}depth × {plain_tick(regime.get('depth_multiplier', 1))}"


def _book(run: Run) -> str:
    kind, size = run.setting("book.kind"), f"{count(run.summary.get('accounts'))} margin accounts"
    if kind == "file":
        return f"{size}, read from {run.setting('book.positions')}"
    synthetic = run.setting("book.synthetic") or {}
    return (f"{size}, generated (seed {synthetic.get('seed')}), open interest "
            f"{_each(run, synthetic.get('open_interest_usd'), usd_tick)} one side{_capped(run)}, "
            f"median leverage {plain_tick(synthetic.get('leverage_median'))}×{_venues(synthetic)}") if kind else ""


def _venues(synthetic: dict[str, Any]) -> str:
    venues = synthetic.get("venues")
    return f", no more than {joined(list(venues))} allow" if venues else ""


def _capped(run: Run) -> str:
    cap = run.setting("protocol.open_interest_cap_usd")
    return "" if cap is None else f", capped at {_each(run, cap, usd_tick)}"


def _margin(run: Run) -> str:
    return "; ".join(filter(None, [size_margin(run, _each) or _tiers(run), interest_margin(run, _each),
                                   gain_margin(run, _each), adaptive_margin(run, _each)]))


def _tiers(run: Run) -> str:
    flat = run.setting("protocol.maintenance_margin")
    if flat is not None:
        return f"maintenance {percent_tick(flat)} of notional, flat"
    tiers = run.setting("protocol.margin_tiers") or {}
    used = {name if name in tiers else "default" for name in run.markets}
    words = [f"{name} {_slabs(slabs)}" for name, slabs in tiers.items() if name in used]
    return f"maintenance by slab of notional: {'; '.join(words)}" if words else ""


def _slabs(tiers: list[dict[str, Any]]) -> str:
    if len(tiers) == 1:
        return percent_tick(tiers[0].get("maintenance_margin"))
    return ", ".join(_tier(tier) for tier in tiers)


def _tier(tier: dict[str, Any]) -> str:
    bound = tier.get("up_to_usd")
    reach = "beyond" if bound is None else f"up to {usd_tick(bound)}"
    return f"{percent_tick(tier.get('maintenance_margin'))} {reach}"


def _waterfall(run: Run) -> str:
    layers = run.setting("protocol.waterfall")
    if layers is None:
        return ""
    order = " → ".join(str(layer).replace("_", " ").replace("adl", "ADL") for layer in layers) or "nobody"
    policy = str(run.setting("protocol.adl.policy")).replace("_", " ")
    price = run.setting("protocol.adl.price") or "bankruptcy"
    at = "" if policy == "none" or price == "bankruptcy" else f" at the price of the {price}"
    return f"{order}; fund {usd_tick(run.fund)}; ADL policy: {policy}{at}{adl_trigger(run)}{levied(run)}"


def _funding(run: Run) -> str:
    interval = run.setting("protocol.funding.interval_hours")
    if run.setting("protocol.funding") is None:
        return ""
    if interval is None:
        return "none"
    kind = run.setting("protocol.funding.kind")
    if kind in ("velocity", "adaptive"):
        return f"every {fmt.hours(interval)}, by the skew of the book ({kind})"
    cap = percent_tick(run.setting("protocol.funding.cap") or 0)
    return f"every {fmt.hours(interval)}, at most {cap} a payment{_premium(run)}"


def _premium(run: Run) -> str:
    """The exogenous premium, where there is one."""
    premium, process = run.setting("protocol.funding.premium"), run.setting("protocol.funding.premium_process")
    if process:
        return (f"; exogenous premium about {_each(run, premium, percent_tick)}, moving with standard deviation "
                f"{_each(run, process.get('std'), percent_tick)} and half-life "
                f"{_each(run, process.get('half_life_hours'), plain_tick)} h")
    return f"; exogenous premium {_each(run, premium, percent_tick)}" if premium else ""


def _breaker(run: Run) -> str:
    breaker = run.setting("protocol.breaker")
    if not breaker:
        return ""
    if breaker.get("move") is None:
        return "none"
    return (f"halts a market for {plain_tick(breaker.get('halt_minutes'))} min after a move of "
            f"{percent_tick(breaker['move'])} within {plain_tick(breaker.get('window_minutes'))} min")


def _liquidity(run: Run) -> str:
    book = run.setting("liquidity")
    if not book:
        return ""
    if book.get("law") == "none":
        return "no price impact"
    if book.get("law") in BY_BOOK:
        return own_book(run, _each)
    half_life = book.get("recovery_half_life_minutes")
    fades = f"half of the impact is gone after {plain_tick(half_life)} min" if half_life else "impact is permanent"
    law = f"{book.get('law')}{' ' + plain_tick(book.get('exponent')) if book.get('law') == 'power' else ''}"
    return (f"{_each(run, book.get('depth_usd'), usd_tick)} move the price by 1 % (law: {law}); half-spread "
            f"{plain_tick(book.get('half_spread_bps'))} bp; {fades}; withdrawal {plain_tick(book.get('withdrawal'))}; "
            f"displacement at most {percent_tick(book.get('max_displacement') or 0)}")


def _time(run: Run) -> str:
    return (f"{fmt.hours(run.horizon_hours)} in {count(run.summary.get('steps'))} ticks of "
            f"{seconds(run.summary.get('step_seconds'))}; the risk check is made at each tick and not between")


_SAMPLING = ("The intervals cover the sampling error of the simulation only: neither the choice of the model nor the "
             "error of its parameters.")
_OF_A_HISTORY = (
    ("How fast prices moved within a bar is not in the history: the bridge within bars is an assumption, and the same "
     "move within fewer ticks costs a multiple (price.bridge_seconds)."),
    "What has not happened in the history cannot happen here: no bar is worse than the worst one seen.",
    ("Prices say nothing of the order book: its depth does not fall with the crash but as the mark is displaced "
     "(liquidity.withdrawal)."),
)
_FEES_ONLY = ("The fund receives liquidation fees only: no top-ups, yield or withdrawals. Uncovered deficits stay on "
              "the ledger.")
_OF_RULES = ("The fund receives liquidation fees and what its rules above say, a constant flow whatever happens to "
             "trading: no other top-ups. Uncovered deficits stay on the ledger.")
_HELD_FIXED = "The book is held fixed: nobody tops up margin, closes voluntarily or opens positions during the horizon."
_LEFT_OUT = (
    _HELD_FIXED,
    "No cross-market impact: liquidations in one market do not move the price of another.",
    AT_PAR,
    "The other side of liquidations is an outside market of unlimited means; it is never deleveraged or levied.",
    "Depth is a parameter: it falls in stressed regimes and as the mark is displaced, and answers to nothing else.",
    _FEES_ONLY,
    "Fundamental prices do not answer to the venue: its impact leaves no trace in them.",
    "Operational failures, outages and attacks on the oracle are outside the model unless configured: lag, shocks.",
)


def limitations(run: Run) -> list[str]:
    """What the model leaves out; a fixed list, with the points that hang on the config adapted."""
    if history(run):
        return [_SAMPLING, *_OF_A_HISTORY, *_left_out(run)]
    duration, step = run.setting("price.jump_duration_seconds"), run.setting("run.step_seconds")
    known = duration is not None and step is not None
    beside = f" (here {seconds(duration)} beside ticks of {seconds(step)})" if known else ""
    speed = (f"The speed of a gap{beside} is an assumption: hourly closes do not identify it, and a gap within one "
             "tick costs a multiple of the same gap spread over several.")
    shocked = [CONDITIONAL] if run.setting("shocks") else []
    return [_SAMPLING, *shocked, speed, *_left_out(run)]


def _left_out(run: Run) -> list[str]:
    """What is left out, but for what the venue or the shocks of the run bring in."""
    instead = {_FEES_ONLY: _OF_RULES} if run.setting("protocol.insurance") else {}
    if leaves(run):
        instead[_HELD_FIXED] = BOOK_SHRINKS
    depegged = has_kind(run, "collateral_depeg") and not history(run)
    instead[AT_PAR] = COINS if inverse(run) else left_out(run, depegged)
    return [instead.get(text, text) for text in _LEFT_OUT]


def _engine(run: Run) -> str:
    engine = run.manifest.get("engine")
    if not engine:
        return ""
    reasons, anew = "; ".join(engine["not_ladder"]) or "asked for", run.summary.get("simulated_anew")
    others = f"; {count(anew)} paths, which ladders cannot follow, by the dense engine alone" if anew else ""
    if engine.get("kernel"):
        others = f"; {count(anew)} paths, which a kernel cannot follow, by the dense engine without" if anew else ""
        others = f"; as one kernel for all ticks{others}"
    if engine["name"] == "ladder":
        return f"ladder: all accounts sorted by bankruptcy price, exact for this venue and book{others}"
    dense = f"dense: account by account, wherever somebody might be liquidatable (no ladder: {reasons})"
    if engine["name"] == "split":
        some = count(engine["on_ladders"])
        return f"ladder, for {some} accounts sorted by bankruptcy price; the others {dense}{others}"
    return dense + others
