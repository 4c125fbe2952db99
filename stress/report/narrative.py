"""What the numbers say, in sentences made from them."""

from __future__ import annotations

import numpy as np

from stress.report import format as fmt
from stress.report.figures.waterfall import PAYERS, TAIL
from stress.report.format import count, many, percent, percent_tick, usd
from stress.report.history import caution, speed_words
from stress.report.liquidation import by_drawdown
from stress.report.load import Run
from stress.report.metrics import insured, meaning
from stress.report.tail import worst_share

_FUND_LEVELS = (("required_fund_99", "1 %"), ("required_fund_999", "0.1 %"), ("required_fund_9999", "0.01 %"))

NO_FUND = ("The venue has no insurance fund: depletion means here that a deficit was somebody's to pay, and the sizes "
           "of a fund are what one would have had to hold.")

SPARED_FUND = ("ADL begins before the fund is empty: the fund curve and the sizes of a fund are of one that pays for "
               "everything by itself, and not of this venue's.")


def in_short(run: Run) -> list[str]:
    """What the first page has no room for, in a handful of sentences."""
    said = (_fund_size(run), _payers(run), _backstop(run), _causes(run), _gap(run))
    return [text for text in said if text]


def _fund_size(run: Run) -> str:
    """Which depletion probability the configured fund is shown to reach."""
    if not np.isfinite(run.fund) or not insured(run) or by_drawdown(run):
        return ""
    reached, missed = "", ""
    for name, level in _FUND_LEVELS:
        metric = run.metric(name)
        low, high = metric.get("low"), metric.get("high")
        if high is not None and high <= run.fund:
            need = f"needs at most {usd(high)}" if high > 0 else "fees alone cover the deficits"
            reached = f"is shown to suffice for a {level} chance of depletion ({need})"
        elif low is not None and low > run.fund and not missed:
            best = usd(metric.get("estimate"))
            missed = f"is too small for a {level} chance (needs at least {usd(low)}, estimate {best})"
    said = fmt.joined([s for s in (reached, missed) if s])
    return f"The configured fund of {usd(run.fund)} {said}." if said else ""


def _payers(run: Run) -> str:
    debt = run.column("bad_debt")
    if debt is None or not np.any(debt > 0):
        return ""
    means = _shares(run, np.arange(len(debt)))
    tail = _shares(run, worst_share(debt, run.weight, TAIL))
    if not means or not tail:
        return ""
    words = [f"{name} {percent(means[name])} "
             f"({percent(tail[name])})" for name in means if means[name] > 0 or tail[name] > 0]
    tail_name = percent_tick(TAIL)
    return f"Deficits are borne by: {', '.join(words)}; in brackets the share in the worst {tail_name} of paths."


def _backstop(run: Run) -> str:
    """What the backstop lost, where there is one: no bad debt, and yet a cost."""
    metric = run.metric("backstop_loss")
    return f"{meaning('backstop_loss', metric, run)} That is apart from the deficits." if metric.get("estimate") else ""


def _shares(run: Run, chosen: np.ndarray) -> dict[str, float]:
    """Share of deficits borne by each payer over the chosen paths."""
    amounts = {}
    for name, label in PAYERS.items():
        values = run.column(name)
        if values is None:
            return {}
        amounts[label.replace("\n", " ")] = float(np.sum((values * run.weight)[chosen]))
    total = sum(amounts.values())
    return {name: amount / total for name, amount in amounts.items()} if total > 0 else {}


def _causes(run: Run) -> str:
    """Which market the liquidations come from, over all paths and where the fund is depleted."""
    amounts = {m: run.column(f"liquidated_{m}") for m in run.markets}
    usable = {m: v for m, v in amounts.items() if v is not None}
    total = sum(float(np.sum(v * run.weight)) for v in usable.values())
    if len(usable) < 2 or total <= 0:
        return ""
    share = {m: float(np.sum(v * run.weight)) / total for m, v in usable.items()}
    first = max(share, key=lambda m: share[m])
    text = f"{first} is the largest source of liquidations with {percent(share[first])} of their notional"
    depleted = run.column("depleted")
    hit = depleted is not None and np.any(depleted == 1)
    if hit:
        bad = {m: float(np.sum((v * run.weight)[depleted == 1])) for m, v in usable.items()}
        worst = max(bad, key=lambda m: bad[m])
        part = percent(bad[worst] / max(sum(bad.values()), 1e-300))
        text += f"; on paths that deplete the fund it is {worst} with {part}"
    return f"{text}."


def _gap(run: Run) -> str:
    """The assumption that matters most, always stated beside the tick."""
    if speed := speed_words(run):
        return f"How fast prices move decides most of the above: {speed}. The bars do not say so; faster costs more."
    duration, step = run.setting("price.jump_duration_seconds"), run.setting("run.step_seconds")
    if duration is None or step is None or not _has_jumps(run):
        return ""
    ticks = many(max(1, round(duration / step)), "tick")
    return (f"How fast a price gap is decides most of the above: jumps are assumed to take {fmt.seconds(duration)}, "
            f"that is {ticks} of {fmt.seconds(step)}. Hourly data do not identify this; faster gaps cost more.")


def _has_jumps(run: Run) -> bool:
    parts = [run.setting("price.jump"), *((r or {}).get("jump") for r in (run.setting("price.regimes") or {}).values())]
    kinds = [part.get("kind") for part in parts if part]
    return run.setting("price.model") not in ("replay", "bootstrap") and any(k not in (None, "none") for k in kinds)


def cautions(run: Run) -> list[str]:
    """What a reader must know before quoting a number."""
    failed = {k: n for k, n in (run.summary.get("status") or {}).items() if k != "ok" and n}
    paths = run.summary.get("paths") or 0
    texts = [f"{count(n)} of {many(paths, 'path')} failed ({name}). They stay in n: lower bounds count them as no "
             f"event, upper "
             "bounds as an event; figures leave them out." for name, n in failed.items()]
    texts += [text for text in (caution(run),) if text]
    if not insured(run):
        texts.append(NO_FUND)
    if by_drawdown(run):
        texts.append(SPARED_FUND)
    stopped = run.summary.get("stopped")
    if stopped and stopped.get("planned_paths") != paths:
        texts.append(f"The run stopped early: {stopped.get('reason')} ({count(paths)} of "
                     f"{count(stopped.get('planned_paths'))} planned paths).")
    if run.manifest and run.manifest.get("complete") is False:
        texts.append("The run is not complete: finish it with run.resume.")
    capped = run.column("displacement_capped")
    if capped is not None and np.any(capped > 0):
        texts.append(f"On {percent(float(run.weight[capped > 0].sum()))} of paths the displacement hit its cap "
                     "(liquidity.max_displacement): price impact there is understated.")
    depleted = run.column("depleted")
    events = int(np.sum(depleted == 1)) if depleted is not None else 0
    if 0 < events < 20:
        texts.append(f"Only {many(events, 'path')} depleted the fund: the intervals are wide, and what is said about "
                     "depleted paths rests on few.")
    return texts + [str(text) for text in run.manifest.get("messages", ())]
