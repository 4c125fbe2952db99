"""The first page of a run's report: the verdict in a line, three sentences, and what to know before quoting them."""

from __future__ import annotations

from stress.report.figures.waterfall import PAYERS
from stress.report.format import is_number, joined, percent_tick, usd
from stress.report.limits import Verdict
from stress.report.load import Run
from stress.report.metrics import interval, meaning, printed

EXAMPLE = "limits.depletion_probability=0.001"
"""How a limit is set, for a reader who has none."""
_ORDER = ("violated", "undecided", "unknown", "met")
_PLURAL = {"violated": "violated with confidence", "undecided": "undecided at this number of paths",
           "unknown": "cannot be judged", "met": "met with confidence"}
MOST = 6
"""Verdicts on the first page; the rest is below."""


def ordered(verdicts: list[Verdict]) -> list[Verdict]:
    """The bad news first."""
    return sorted(verdicts, key=lambda v: _ORDER.index(v.state) if v.state in _ORDER else len(_ORDER))


def outcome(verdicts: list[Verdict]) -> tuple[str, str]:
    """State of the worst verdict, and how many of each there are, in words; ``none`` without limits."""
    if not verdicts:
        return "none", ""
    counts = {state: sum(v.state == state for v in verdicts) for state in _ORDER}
    words = [f"{n} {_PLURAL[state]}" for state, n in counts.items() if n]
    limits = f"{len(verdicts)} limit{'' if len(verdicts) == 1 else 's'}"
    return ordered(verdicts)[0].state, f"Of {limits}: {joined(words)}."


def sentences(run: Run) -> list[tuple[str, str]]:
    """What happens to the fund, whether liquidations cascade, and who pays, each with its intervals."""
    said = (("Fund", _fund(run)), ("Cascade", _cascade(run)), ("Who pays", _payers(run)))
    return [(what, text) for what, text in said if text]


def with_interval(name: str, run: Run) -> str:
    """The sentence of a metric with its interval; the interval is left out where the sentence has a bound already."""
    metric = run.metric(name)
    text = meaning(name, metric, run)
    if not metric.get("estimate") or not (is_number(metric.get("low")) or is_number(metric.get("high"))):
        return text
    level = percent_tick(metric.get("confidence") or run.confidence)
    return f"{text.removesuffix('.')}, with {level} confidence {_between(name, run)}."


def _between(name: str, run: Run) -> str:
    metric = run.metric(name)
    if is_number(metric.get("low")) and is_number(metric.get("high")):
        return f"between {printed(name, metric, 'low')} and {printed(name, metric, 'high')}"
    return interval(name, metric)


def _fund(run: Run) -> str:
    return with_interval("depletion_probability", run) if run.metric("depletion_probability") else ""


def _cascade(run: Run) -> str:
    if not is_number(run.metric("cascade_probability").get("estimate")):
        return ""
    ratio = run.metric("amplification")
    more = f" {with_interval('amplification', run)}" if ratio.get("estimate") else ""
    return f"{with_interval('cascade_probability', run)}{more}"


def _payers(run: Run) -> str:
    """Mean deficits and what each payer bears of them."""
    debt = run.metric("bad_debt")
    if not is_number(debt.get("estimate")):
        return ""
    if not debt["estimate"]:
        return meaning("bad_debt", debt, run)
    borne = [f"{label.replace(chr(10), ' ')} {usd(metric['estimate'])} ({interval(name, metric)})"
             for name, label in PAYERS.items() if (metric := run.metric(name)).get("estimate")]
    borne = borne if all(run.metric(name) for name in PAYERS) else []
    paid = f" They are paid by: {', '.join(borne)}." if borne else ""
    return f"Deficits are {usd(debt['estimate'])} a period on average ({interval('bad_debt', debt)}).{paid}"
