"""The settings of a frontier: what is tried, under which name, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stress.config.decide.frontier import FrontierConfig
from stress.config.schema import Config
from stress.decisions.desk import Desk
from stress.decisions.frontier.margins import Scaled, flat, scaled
from stress.errors import UserError, bad_value

PRESENT = "present"


@dataclass(frozen=True)
class Setting:
    """One set of margin rates."""

    name: str
    family: str  # present, ratio, spread, maintenance, flat
    scale: float | None  # factor of the family; None: flat rates
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


def family(desk: Desk, settings: FrontierConfig, hold_book: bool) -> tuple[list[Setting], list[Refused]]:
    """The present setting first, then all others that the configuration takes, and those that it does not.

    Raises UserError where nothing is left to compare with.
    """
    protocol, markets = desk.config.protocol, desk.config.price.markets
    found, refused = [Setting(PRESENT, PRESENT, 1.0, {}, 0)], []

    def consider(name: str, kind: str, scale: float | None, make: Callable[[], Scaled]) -> None:
        try:
            made = make()
            desk.study(made.changes, hold_book=hold_book)
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
    if len(found) == 1:
        reasons = "\n".join(f"- {r.name}: {r.reason}" for r in refused) or "- there is none"
        raise UserError("decide.frontier: no setting to compare the present one with. Give decide.frontier.scales and "
                        f"scalings, or decide.frontier.flat, that the venue takes.\n{reasons}")
    return found, refused
