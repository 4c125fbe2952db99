"""Who carries the expected shortfall, and what removing or capping them would change."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from stress.book.schema import Book
from stress.config.decide.attribution import KINDS, AttributionConfig
from stress.decisions.attribution.books import kept
from stress.decisions.attribution.caps import Cap, cap_of
from stress.decisions.attribution.funds import DRAWDOWNS, has_income, measured, refuse, scope
from stress.decisions.attribution.groups import (
    TITLES,
    Group,
    account_group,
    gross_notional,
    groups_of,
    leverage,
)
from stress.decisions.desk import Changes, Desk, Run
from stress.mc.estimators.allocation import Allocation, Tail, allocate, tail_of
from stress.mc.estimators.intervals import Interval
from stress.mc.estimators.paired import difference_of_means, tail_mean_terms
from stress.mc.estimators.quantiles import expected_shortfall
from stress.mc.losses import Losses, assert_same_paths, record_losses
from stress.mc.progress import counter

ACCOUNTS = 15
"""Accounts that are told by name."""
TOP = (1, 5, 10, 50)
"""Of how many accounts the common share is told."""
ROUNDING = 1e-9


def decide(desk: Desk, settings: AttributionConfig) -> dict[str, Any]:
    """The parts of the expected shortfall, with intervals, and re-runs without, and with less of, the largest.

    Raises UserError where the measure is not recorded or is not defined.
    """
    refuse(desk.config, settings)
    run = desk.run(_changes(settings))
    total, paths = _shortfall(run, settings), measured(run, settings)
    tail = tail_of(paths.known(settings.measure), settings.level, paths.weights)
    found: dict[str, Any] = {
        "measure": settings.measure, "level": settings.level, "cap": settings.cap,
        "horizon_hours": paths.horizon_hours, "fund": paths.fund, "funds": scope(desk.config),
        "shortfall": total.metric(paths.confidence, "USD"),
        "tail": {"paths": tail.mass, "with_loss": int((tail.shares(np.ones(len(tail.value))) > 0).sum()),
                 "simulated_again": len(tail.value), "failed": paths.sample(settings.measure).failures},
        "income": None, "groups": [], "accounts": [], "top": [], "changes": [], "leverage_caps": [],
    }
    if not total.estimate:
        return found | {"reason": "no path of the tail has a loss, so there is nothing to allocate"}
    losses = _losses(desk, run, settings, tail)
    caps = [cap_of(run.study, most) for most in sorted(settings.leverage_caps, reverse=True)]
    parts = _Parts(run, tail, losses, settings, caps)
    parts.assert_full(float(total.estimate))
    return found | parts.told() | {"changes": _what_if(desk, run, settings, parts),
                                   "leverage_caps": _capped(desk, run, settings, parts)}


def _changes(settings: AttributionConfig) -> Changes:
    """Companions that no number here needs are left out, of all settings alike."""
    return {"run.twin": False} if settings.measure in DRAWDOWNS else {"run.twin": False, "run.fund_curve": False}


def _shortfall(run: Run, settings: AttributionConfig) -> Interval:
    paths = measured(run, settings)
    return expected_shortfall(paths.sample(settings.measure), settings.level, paths.confidence)


def _losses(desk: Desk, run: Run, settings: AttributionConfig, tail: Tail) -> Losses:
    """The tail's paths simulated again; they must come to what the run has for them."""
    plan, show = run.study.plan, desk.config.run.progress
    with counter(len(tail.path), "tail paths by account", show) as meter:
        losses = record_losses(plan.job, plan.variants, settings.measure, tail.path, meter)
    assert_same_paths(losses, tail.value)
    return losses


class _Parts:
    """All parts of one expected shortfall."""

    def __init__(self, run: Run, tail: Tail, losses: Losses, settings: AttributionConfig,
                 caps: list[Cap]) -> None:
        self.study, self.confidence, self.tail, self.lost = run.study, run.paths.confidence, tail, losses.lost
        self.income = settings.measure in DRAWDOWNS and has_income(run.study.config)
        book, bands = run.study.book, settings.leverage_bands
        self.groups = [group for kind in KINDS for group in groups_of(run.study, kind, bands)]
        by_owner = self._of_owners(book)
        self.owners = np.argsort(-by_owner, kind="stable")
        self.accounts = [account_group(book, int(o)) for o in self.owners[:ACCOUNTS] if by_owner[o] > 0]
        self.tops = [np.isin(book.owner, self.owners[:k]) for k in TOP if k <= len(book.owners)]
        members = [group.members for group in (*self.groups, *self.accounts)]
        members += [(book.size != 0) & some[:, None] for some in self.tops]
        self.caps = {len(members) + k: cap for k, cap in enumerate(caps)}  # by place in the allocation
        members += [cap.cut for cap in caps]
        parts = (self.lost @ _membership(members)).toarray()  # the last column of all is what nobody paid
        self.allocation: Allocation = allocate(tail, np.column_stack([parts, losses.income]))

    def _of_owners(self, book: Book) -> np.ndarray:
        """USD of the expected shortfall by named account [O]."""
        shares = self.tail.shares(np.ones(len(self.tail.value)))
        by_position = np.asarray(shares @ self.lost).reshape(len(book.markets), book.accounts)
        return np.bincount(book.owner, by_position.sum(0), minlength=len(book.owners))

    def assert_full(self, shortfall: float) -> None:
        """Raises AssertionError unless the parts of every kind, and income, add up to the expected shortfall."""
        for kind in KINDS:
            mine = [self.allocation.part[g] for g, group in enumerate(self.groups) if group.kind == kind]
            mine.append(self.allocation.part[-1])
            if abs(sum(mine) - shortfall) > ROUNDING * (shortfall + sum(map(abs, mine))):
                raise AssertionError(f"parts by {kind} add up to {sum(mine):.17g} USD, not to {shortfall:.17g}. "
                                     "This is a defect of the attribution, not of the input.")

    def told(self) -> dict[str, Any]:
        """As plain data."""
        first = len(self.groups)
        last = first + len(self.accounts)
        kinds = [{"kind": kind, "title": TITLES[kind],
                  "rows": [self._row(g, group) for g, group in enumerate(self.groups) if group.kind == kind]}
                 for kind in KINDS]
        counts = [k for k in TOP if k <= len(self.study.book.owners)]
        return {"income": self._of(-1) if self.income else None, "groups": kinds,
                "accounts": [self._row(first + g, group) | self._who(group) for g, group in enumerate(self.accounts)],
                "top": [{"accounts": k, "share": self._share(last + g)} for g, k in enumerate(counts)]}

    def _row(self, g: int, group: Group) -> dict[str, Any]:
        book = self.study.book
        notional = np.abs(book.size) * self.study.prices0
        all_held = notional[~book.residual].sum()
        return {"name": group.name, "margin_accounts": int(group.members.any(1).sum()),
                "notional_share": float((notional * group.members).sum() / all_held),
                **self._of(g)}

    def _of(self, g: int) -> dict[str, Any]:
        """Part ``g``, and its share."""
        part = self.allocation.interval(g, self.confidence)
        return {"part": dict(part.metric(self.confidence, "USD")), "share": self._share(g)}

    def _share(self, g: int) -> dict[str, Any]:
        return dict(self.allocation.share_interval(g, self.confidence).metric(self.confidence, "share"))

    def _who(self, group: Group) -> dict[str, Any]:
        """A named account's largest margin account, and all its markets."""
        gross, mine = gross_notional(self.study), group.members.any(1)
        largest = int(np.argmax(np.where(mine, gross, -1.0)))
        markets = [self.study.markets[a] for a in np.flatnonzero(group.members.any(axis=0))]
        ratio = float(leverage(self.study)[largest])
        return {"markets": markets, "notional": float(gross[mine].sum()),
                "leverage": ratio if np.isfinite(ratio) else None,
                "isolated": bool(self.study.book.isolated[largest])}

    def largest(self, settings: AttributionConfig) -> list[tuple[int, Group]]:
        """What is to be changed, with its place in the allocation: the largest group of some kinds, then accounts."""
        chosen = []
        for kind in dict.fromkeys(settings.changed):
            mine = [g for g, group in enumerate(self.groups) if group.kind == kind]
            chosen.append(max(mine, key=lambda g: self.allocation.part[g]))
        first = len(self.groups)
        chosen += range(first, first + min(settings.accounts, len(self.accounts)))
        every = [*self.groups, *self.accounts]
        return [(g, every[g]) for g in chosen]


def _membership(groups: list[np.ndarray]) -> Any:
    """What share of each position is in each group [A * N, G], of groups [N, A]: a sparse array."""
    places = [np.flatnonzero(members.T) for members in groups]
    column = np.repeat(np.arange(len(groups)), [len(place) for place in places])
    row = np.concatenate(places)
    share = np.concatenate([members.T.ravel()[place] for members, place in zip(groups, places, strict=True)])
    return sparse.csr_array((share.astype(float), (row, column)), shape=(groups[0].size, len(groups)))


def _what_if(desk: Desk, base: Run, settings: AttributionConfig, parts: _Parts) -> list[dict[str, Any]]:
    """Re-runs on the same noise without the largest, and with less of them."""
    study, rows = base.study, []
    inverse, name = desk.config.protocol.contract == "inverse", desk.config.book.residual_account
    ways = {"removed": 0.0, "capped": settings.cap} if settings.cap > 0 else {"removed": 0.0}
    chosen = parts.largest(settings)
    with counter(len(chosen) * len(ways), "re-runs", desk.config.run.progress) as meter:
        for g, group in chosen:
            row: dict[str, Any] = {"kind": group.kind, "name": group.name}
            for way, share in ways.items():
                book = kept(study.book, group.members, share, study.prices0, name, inverse=inverse)
                run = desk.run(_changes(settings), progress=False, book=book)
                row[way] = {"share_kept": share, "euler": -(1.0 - share) * float(parts.allocation.part[g]),
                            **_difference(base, run, settings)}
                meter(len(rows) * len(ways) + list(ways).index(way) + 1)
            rows.append(row)
    return rows


def _capped(desk: Desk, base: Run, settings: AttributionConfig, parts: _Parts) -> list[dict[str, Any]]:
    """Re-runs on the same noise with every account at no more than a leverage, the mildest cap first."""
    study, rows = base.study, []
    inverse, name = desk.config.protocol.contract == "inverse", desk.config.book.residual_account
    with counter(len(parts.caps), "leverage caps", desk.config.run.progress) as meter:
        for g, cap in parts.caps.items():
            book = kept(study.book, cap.cut > 0, cap.kept[:, None], study.prices0, name, inverse=inverse)
            run = desk.run(_changes(settings), progress=False, book=book)
            rows.append({"leverage": cap.leverage, "margin_accounts": cap.accounts, "notional_cut": cap.notional_share,
                         "euler": -float(parts.allocation.part[g]), **_difference(base, run, settings)})
            meter(len(rows))
    return rows


def _difference(base: Run, run: Run, settings: AttributionConfig) -> dict[str, Any]:
    """Expected shortfall of a re-run, and less that of the base, path by path."""
    confidence = base.paths.confidence
    values = (measured(r, settings).known(settings.measure) for r in (base, run))
    first, second = (tail_mean_terms(of_paths, settings.level) for of_paths in values)
    difference = difference_of_means(first, second, confidence)
    return {"shortfall": dict(_shortfall(run, settings).metric(confidence, "USD")),
            "difference": dict(difference.interval.metric(confidence, "USD")), "narrowing": difference.narrowing,
            "differing_paths": difference.differing}
