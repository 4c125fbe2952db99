"""The slow, obvious reference of the venue: one path, plain loops over accounts, float64, NumPy and Python only.

It is written from the design page (one tick, in order) and the team's contract, not from the engine, so that the two
can disagree. It imports nothing of the package but the book and the config schema. Read it in this order: ``rules``
(the venue's numbers), ``impact``, ``margin``, ``clocks`` (oracle, breaker, funding), ``settlement`` (a round's
trades), ``adl``, ``waterfall``, ``venue`` (the tick).

Where the contract leaves a choice, the docstring of the function that makes it starts a sentence with "Reading:".
"""

from tests.reference.result import Result
from tests.reference.rules import Rules
from tests.reference.venue import simulate

__all__ = ["Result", "Rules", "simulate"]
