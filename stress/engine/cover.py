"""What is remembered for ``protocol.liquidation.rule=cover_shortage``: how much of the shortage was covered so far."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.check import risk_case
from stress.engine.state import FREED, Row
from stress.engine.tick import Check, Closing, Tick
from stress.protocol.liquidation.cover_shortage import CoverShortage
from stress.protocol.venue import Venue


def covered_now(venue: Venue, row: Row, tick: Tick, seen: Check, closing: Closing) -> Row:
    """The row with what a closing covers."""
    assert isinstance(venue.rule, CoverShortage)  # the caller's branch
    held = jnp.where(row.ledger.size != 0, row.ledger.size, 1.0)
    covered = venue.rule.covered(risk_case(venue, row, tick, seen), seen.margin, closing.book / held)
    return replace(row, marks=row.marks | {FREED: row.marks[FREED] + covered})
