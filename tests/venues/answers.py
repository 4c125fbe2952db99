"""What answers which cases, and which are not answered: by venue and mechanism, or by id."""

from __future__ import annotations

from tests.venues import closing, flows, margin

PARTS = (margin, closing, flows)

ANSWERS = {kind: answer for part in PARTS for kind, answer in part.ANSWERS.items()}
INAPPLICABLE = {key: reason for part in PARTS for key, reason in part.INAPPLICABLE.items()}
OPEN = {kind: reason for part in PARTS for kind, reason in part.OPEN.items()}
