"""The page of the command ``critical``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.report.decisions import critical_figures as figures
from stress.report.decisions.critical_tables import WORDS, all_tables, between, does, shared
from stress.report.decisions.told import Figure, Told
from stress.report.format import joined, many, percent, percent_tick, plain, price, usd

OF_DEPTH = (
    (
        "Depth is liquidity.depth_usd less the loss: regimes of the price model with thinner books are not in it."
    ),
    (
        "The ratio read off the book takes each market alone, sells whole positions to the book, and knows neither "
        "ADL nor backstop; that along the path is the engine's own."
    ),
)
CAUTIONS = (
    (
        "A shock comes in one tick and prices stand still after it, but for the venue's own selling and the recovery "
        "of its order book. The same move over an hour does far less."
    ),
    (
        "The critical shock is the smallest of those tested that does it: one that hides between two points of a curve "
        "is not seen. Pockets are where a larger shock does not: what it liquidates by itself the venue's selling "
        "cannot trigger any more, a fee is earned first, or ADL takes over instead of the order book."
    ),
    (
        "A cascade is what the configured rule calls one: so much of the open interest of all markets, and more than "
        "half of it the venue's own doing. A sudden shock that is large enough liquidates more by itself."
    ),
    "Traders neither deposit, withdraw nor trade.",
)


def tell(found: dict[str, Any], folder: Path) -> Told:
    """What ``decision.json`` says."""
    del folder
    minutes = found["quiet_minutes"]
    depletes = f"depletes the fund of {usd(found['fund'])}" if found["fund"] > 0 else does(found)["depletion"]
    return Told(
        title="Which shock breaks the venue?",
        question=f"The smallest sudden move, loss of depth, or both, that {depletes} or starts a "
                 f"cascade within {minutes:g} min.",
        in_short=_in_short(found),
        figures=[
            Figure("losses", "Losses by size of the shock", figures.losses(found)),
            Figure("frontier", "Move and loss of depth that break the venue", figures.frontier(found)),
            Figure("rounds", "What the venue's own selling triggers", figures.rounds(found)),
            Figure("levels", "Branching ratio read off the book", figures.levels(found)),
        ],
        tables=all_tables(found),
        cautions=_cautions(found),
    )


def _in_short(found: dict[str, Any]) -> list[str]:
    lines = [_sentence(found, scope) for scope in shared(found)]
    alone = [s for s in found["scopes"] if s["name"] in found["markets"]]
    if len(found["markets"]) > 1:
        lines += [_absorbed(found, alone, direction) for direction in WORDS]
    lines += [_depth_sentence(found, direction) for direction in WORDS]
    lines.append(_ratio_sentence(found))
    return [line for line in lines if line]


def _sentence(found: dict[str, Any], scope: dict[str, Any]) -> str:
    word, parts = WORDS[scope["direction"]], []
    for event, it in does(found).items():
        bracket = scope["critical"][event]
        if bracket["breaks"] is None:
            parts.append(f"none up to {percent_tick(bracket['absorbed'])} {it} ({_shortest(bracket['reason'])})")
        else:
            odds = _odds(found, scope, event)
            again = " (some larger ones do not)" if bracket["pockets"] else ""
            parts.append(f"one between {between(bracket, found['tolerance'])} {it}{again}{odds}")
    return f"A sudden {word} of {scope['name']}: {'; '.join(parts)}."


def _shortest(reason: str) -> str:
    return reason.split(": ", 1)[-1]


def _odds(found: dict[str, Any], scope: dict[str, Any], event: str) -> str:
    row = next((r for r in found["likelihood"] or [] if (r["name"], r["direction"], r["event"]) ==
                (scope["name"], scope["direction"], event)), None)
    if row is None:
        return ""
    p = row["within_horizon"]
    return (f", which prices do within {found['horizon_hours']:g} h with a chance of {percent(p['estimate'])} "
            f"({percent(p['low'])} to {percent(p['high'])})")


def _absorbed(found: dict[str, Any], alone: list[dict[str, Any]], direction: str) -> str:
    def most(bracket: dict[str, Any]) -> str:
        least = "at least " if bracket["breaks"] is None else ""  # no larger one was looked at
        return least + percent(bracket["absorbed"])

    parts = [f"{s['name']} {most(s['critical']['depletion'])}" for s in alone if s["direction"] == direction]
    what = "that the fund survives" if found["fund"] > 0 else "that leaves no such deficit"
    return f"Largest {WORDS[direction]} of one market alone {what}: {joined(parts)}."


def _depth_sentence(found: dict[str, Any], direction: str) -> str:
    parts = [f"at {percent_tick(row['size'])} one between {between(row[event], found['tolerance'])} {it}"
             for row in found["depth"] if row["direction"] == direction for event, it in does(found).items()
             if row[event]["breaks"]]
    return f"A loss of depth with a {WORDS[direction]} that does not do it alone: {joined(parts)}." if parts else ""


def _ratio_sentence(found: dict[str, Any]) -> str:
    clusters = found["static"]["clusters"]
    if not clusters:
        return ""
    top = clusters[0]
    over = "passes one" if top["passes_one"] else "stays below one"
    return (f"The branching ratio of the book {over}: at most {plain(top['largest_ratio'])}, in {top['market']} at "
            f"{price(top['at_price'])} ({percent_tick(round(top['at_move'], 4))}), where "
            f"{many(top['accounts'], 'account')} with {usd(top['notional'])} stand{'s' * (top['accounts'] == 1)}.")


def _cautions(found: dict[str, Any]) -> list[str]:
    odd = sorted({r["status"] for s in found["scopes"] for r in s["curve"]} - {"ok"})
    silent = not any(s["path"]["largest"] for s in found["scopes"])
    depth = OF_DEPTH if found.get("no_depth") is None else (f"Moves only: {found['no_depth']}.",)
    return [*CAUTIONS, *depth,
            *(["No path has a branching ratio: nobody is liquidated after the first round."] if silent else []),
            *([f"Some shocks ended with status {joined(odd)}; see the table of losses."] if odd else [])]
