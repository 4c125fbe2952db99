"""Facts out of the venues' own tests, by venue and mechanism: which are met, and why others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from docs.venue_tables.pages import table

Kind = tuple[str, str]


def case_tables() -> str:
    """How many cases of each kind are answered, inapplicable and open; reasons below."""
    from tests.venues.answers import ANSWERS, INAPPLICABLE, OPEN
    from tests.venues.cases import cases

    found = cases()
    excused = Counter(case.kind for case in found if case.id in INAPPLICABLE or case.kind in INAPPLICABLE)
    still = Counter(case.kind for case in found if case.kind in OPEN)
    every = Counter(case.kind for case in found)
    met = Counter({kind: every[kind] - excused[kind] for kind in ANSWERS})
    header = ("venue", "mechanism", "cases", "answered", "inapplicable", "open", "answered by")
    rows = [
        (*kind, str(every[kind]), str(met[kind]), str(excused[kind]), str(still[kind]), _answerer(ANSWERS.get(kind)))
        for kind in sorted(every)
    ]
    reasons = "\n".join(_reasons({**INAPPLICABLE, **OPEN})) or "None is inapplicable, none is open."
    return f"{_by_venue(every, met, excused, still)}\n{reasons}\n\n{table(header, rows)}"


def _by_venue(*counts: Counter[Kind]) -> str:
    """Sums of the counts by venue, and of all."""
    venues = sorted({venue for venue, _ in counts[0]})
    rows = [(v, *(str(sum(n for (venue, _), n in c.items() if venue == v)) for c in counts)) for v in venues]
    total = ("all", *(str(sum(count.values())) for count in counts))
    return table(("venue", "cases", "answered", "inapplicable", "open"), [*rows, total])


def _answerer(answer: object) -> str:
    """Where the adapter is, without the venue's prefix."""
    module = getattr(answer, "__module__", "")
    return f"`{module.replace('.', '/')}.py`" if module else ""


def _reasons(reasons: dict) -> Iterator[str]:
    for key, reason in reasons.items():
        name = key if isinstance(key, str) else " / ".join(key)
        yield f"- {name}: {reason}"
