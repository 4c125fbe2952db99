"""The settings of a frontier: what is tried, under which name, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stress.config.check_protocol import tier_problems
from stress.config.decide.frontier import FrontierConfig
from stress.config.schema import Config
from stress.decisions.desk import Desk
from stress.decisions.frontier.margins import Scaled, flat, scaled, table
from stress.errors import UserError, bad_value

PRESENT = "present"


@dataclass(frozen=True)
class Setting:
    """One set of margin rates."""

    name: str
    family: str  # present, ratio, spread, maintenance, flat, table
    scale: float | None  # factor of the family; None: flat rates, tables
    changes: Mapping[str, Any]
    capped: int  # rates that stopped at what can be asked for


@dataclass(frozen=True)
class Refused:
    """A setting that the configuration does not take."""

    name: str
    reason: str


def held_book(config: Config, settings: FrontierConfig) -> bool:
    """Whether today's accounts stand under every setting.

    Raises UserError where other accounts are asked for and there is no population to draw them from.
    """
    synthetic = config.book.kind == "synthetic"
    if settings.book == "offered" and not synthetic:
        raise bad_value("decide.frontier.book", "offered", f"held with book.kind={config.book.kind}",
                        "What other margins let in is known of a synthetic book only. Leave it out, or use "
                        "book=synthetic.")
    return settings.book == "held" or (settings.book is None and not synthetic)


def _check_tables(settings: FrontierConfig, markets: list[str]) -> None:
    """Raises UserError for a table of tiers that no venue can have, or that leaves a market out."""
    for name, tiers in (settings.tables or {}).items():
        key = f"decide.frontier.tables.{name}"
        missing = [m for m in markets if m not in tiers and "default" not in tiers]
        problems = [p for market, some in tiers.items() for p in tier_problems(f"{key}.{market}", some)]
        if missing:
            problems.append(f"{key}: no tiers for {', '.join(missing)}. Add the market or 'default'.")
        if problems:
            raise UserError("\n".join(problems))


def family(desk: Desk, settings: FrontierConfig, hold_book: bool) -> tuple[list[Setting], list[Refused]]:
    """The present setting first, then all others that the configuration takes, and those that it does not.

    Raises UserError where nothing is left to compare with.
    """
    protocol, markets = desk.config.protocol, desk.config.price.markets
    _check_tables(settings, markets)
    found, refused = [Setting(PRESENT, PRESENT, 1.0, {}, 0)], []

    def consider(name: str, kind: str, scale: float | None, make: Callable[[], Scaled]) -> None:
        try:
            made = make()
            desk.keep(made.changes, desk.study(made.changes, hold_book=hold_book), hold_book=hold_book)
        except UserError as error:
            refused.append(Refused(name, str(error)))
        else:
            found.append(Setting(name, kind, scale, made.changes, made.capped))

    for kind in dict.fromkeys(settings.scalings):
        for scale in sorted(set(settings.scales) - {1.0}):
            consider(f"{kind} × {scale:g}", kind, scale, lambda k=kind, s=scale: scaled(protocol, markets, s, k))
    for pair in settings.flat:
        name = f"flat {100 * pair.initial_margin:g} % / {100 * pair.maintenance_margin:g} %"
        consider(name, "flat", None, lambda p=pair: flat(protocol, p.initial_margin, p.maintenance_margin))
    for name, tiers in (settings.tables or {}).items():
        consider(f"table {name}", "table", None, lambda t=tiers: table(protocol, t))
    if len(found) == 1:
        reasons = "\n".join(f"- {r.name}: {r.reason}" for r in refused) or "- there is none"
        raise UserError("decide.frontier: no setting to compare the present one with. Give decide.frontier.scales and "
                        f"scalings, decide.frontier.flat or tables, that the venue takes.\n{reasons}")
    return found, refused
