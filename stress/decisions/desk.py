"""Settings of one configuration, simulated on the same noise: what every decision is made from.

A setting is a map of changes by dotted key, ``{"protocol.maintenance_margin": 0.02}``. Path number p is the same market
under every setting that leaves the market alone, so differences are taken path by path.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax

from stress.book.schema import Book
from stress.build.study import Study, build_study, with_funds_of
from stress.config.parse import parse
from stress.config.schema import Config
from stress.errors import UserError, first_line
from stress.files import read_json, write_json
from stress.mc.estimators.curve import fund_curve
from stress.mc.estimators.intervals import Metric
from stress.mc.estimators.metrics import Paths, paths_of, summarise
from stress.mc.estimators.sample import path_weights
from stress.mc.grid.run import Setting
from stress.mc.grid.sharing import by_family
from stress.mc.grid.together import simulate_together
from stress.mc.program import compile_program, pick_workers
from stress.mc.progress import counter
from stress.mc.run import Columns, drop_chunks, join, simulate
from stress.mc.store import finished_chunks, missing_blocks

Changes = Mapping[str, Any]
OTHER_BOOK = ("book.", "price.markets", "price.initial_prices", "protocol.contract", "protocol.collateral",
              "protocol.open_interest_cap_usd")
"""Beginnings of keys whose change makes another book; under every other change the accounts stay who they are."""
ABOUT = "setting.json"
KEPT_BYTES = 2**28
"""Most bytes of studies that were built to see whether a setting can be, and are kept until it is simulated."""


@dataclass(frozen=True)
class Run:
    """A setting, simulated."""

    changes: Changes
    study: Study
    folder: Path  # has paths.parquet

    @property
    def columns(self) -> Columns:
        """Outcome columns [P] as in ``paths.parquet``."""
        return Columns(self.folder / "paths.parquet")

    @property
    def paths(self) -> Paths:
        """What estimators take."""
        plan = self.study.plan
        return paths_of(self.columns, confidence=plan.confidence, fund=plan.fund, horizon_hours=plan.horizon_hours)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """All metrics, each with its interval."""
        plan, columns = self.study.plan, self.columns.at_once()
        return summarise(columns, confidence=plan.confidence, fund=plan.fund, horizon_hours=plan.horizon_hours)

    def fund_curve(self, points: int) -> list[dict[str, Any]]:
        """Depletion probability by fund, as in ``summary.json``; needs run.fund_curve."""
        weights, failed = path_weights(self.columns)
        plan = self.study.plan
        return fund_curve(self.columns["fund_drawdown"], weights, plan.confidence, points, fund=plan.fund,
                          failed=failed)


class Desk:
    """Simulates settings of one configuration, each once, into ``folder/settings``.

    What is there already is not simulated again: a killed decision goes on where it stood.
    """

    def __init__(self, container: Mapping[str, Any], folder: Path, config: Config | None = None) -> None:
        """``container`` is the resolved configuration, ``config`` what it parses to where that is known."""
        self.container, self.folder = container, folder
        self.config: Config = parse(container) if config is None else config
        self._base: Study | None = None
        self._runs: dict[str, Run] = {}
        self._studies: dict[str, Study] = {}  # of settings that were built and not joined yet
        if self.config.run.processes > 1:
            raise UserError("run.processes: several processes share one run; a decision takes many. Set "
                            "run.processes=1.")
        if self.config.book.export is not None:
            raise UserError("book.export: stops before a simulation. Leave it out, or use the command run.")

    @property
    def base(self) -> Study:
        """The configuration as it stands, nothing changed."""
        if self._base is None:
            self._base = build_study(self.config)
        return self._base

    def study(self, changes: Changes, *, hold_book: bool = True, book: Book | None = None) -> Study:
        """The study of a setting. Raises UserError for a setting that the configuration refuses.

        With ``hold_book`` the accounts are those of the configuration as it stands, unless a change makes another
        book; without, a synthetic population is generated anew under the changed rules. A ``book`` that is given is
        taken instead: insurance funds keep the parts and the income that follow from the open interest of the
        configuration's own.
        """
        if book is not None:
            return with_funds_of(self.base, build_study(parse(changed(self.container, changes)), book=book))
        if not changes:
            return self.base
        known = self._studies.get(setting_name(dict(changes), hold_book))
        if known is not None:
            return known
        held = hold_book and not any(key.startswith(OTHER_BOOK) for key in changes)
        return build_study(parse(changed(self.container, changes)), book=self.base.book if held else None)

    def keep(self, changes: Changes, study: Study, *, hold_book: bool = True) -> None:
        """Keep the study of a setting that is to be simulated, so that it is not built again, as far as there is room.

        It is let go once the setting is simulated.
        """
        name, held = setting_name(dict(changes), hold_book), sum(map(_bytes, self._studies.values()))
        if changes and name not in self._runs and held + _bytes(study) <= KEPT_BYTES:
            self._studies[name] = study

    def run(
        self,
        changes: Changes | None = None,
        *,
        hold_book: bool = True,
        progress: bool = True,
        book: Book | None = None,
    ) -> Run:
        """Simulate a setting, or take what is there; with the accounts of ``book`` where one is given."""
        changes = dict(changes or {})
        name = setting_name(changes, hold_book, None if book is None else book.digest())
        if name not in self._runs:
            study = self._studies.pop(name, None) or self.study(changes, hold_book=hold_book, book=book)
            folder = self._folder(name)
            if not (folder / ABOUT).is_file():
                self._simulate(study, folder, progress and self.config.run.progress)
                about = {"changes": changes, "hold_book": hold_book}
                write_json(folder / ABOUT, about if book is None else about | {"book": book.digest()})
            else:
                _assert_readable(folder)
            self._runs[name] = Run(changes, study, folder)
        return self._runs[name]

    def runs(self, settings: Iterable[Changes], *, hold_book: bool = True, label: str = "settings") -> list[Run]:
        """Simulate several settings, those that differ in numbers of the venue alone together (``mc.grid``)."""
        settings = list(settings)
        if self.config.run.variants != "separate":
            self._together(settings, hold_book)
        found = []
        with counter(len(settings), label, self.config.run.progress) as meter:
            for changes in settings:
                found.append(self.run(changes, hold_book=hold_book, progress=False))
                meter(len(found))
        return found

    def together(self, settings: Sequence[Changes], hold_book: bool = True) -> bool:
        """Whether settings are simulated together by :meth:`runs`."""
        if self.config.run.variants == "separate":
            return False
        studies = [self.study(changes, hold_book=hold_book) for changes in settings]
        for changes, study in zip(settings, studies, strict=True):
            self.keep(changes, study, hold_book=hold_book)
        groups, _ = by_family([study.plan for study in studies])
        return len(groups) == 1 and len(groups[0]) == len(settings)

    def _together(self, settings: Sequence[Changes], hold_book: bool) -> None:
        """Leave the blocks of settings that go together in their folders."""
        named = {setting_name(dict(changes), hold_book): dict(changes) for changes in settings}
        new = [name for name in named if name not in self._runs and not (self._folder(name) / ABOUT).is_file()]
        if len(new) < 2:
            return
        self._studies |= {name: self.study(named[name], hold_book=hold_book) for name in new}
        run, wanted = self.config.run, [Setting(self._studies[name].plan, self._folder(name)) for name in new]
        simulate_together(wanted, run.devices, progress=run.progress, stories=False)

    def _folder(self, name: str) -> Path:
        return self.folder / "settings" / name

    def done(self) -> Sequence[Mapping[str, Any]]:
        """Settings that are simulated, as they were given."""
        return [read_json(file)["changes"] for file in sorted(self.folder.glob(f"settings/*/{ABOUT}"))]

    @staticmethod
    def _simulate(study: Study, folder: Path, progress: bool) -> None:
        plan = study.plan
        folder.mkdir(parents=True, exist_ok=True)
        if missing_blocks(finished_chunks(folder), plan.blocks):
            workers = pick_workers(study.config.run.devices, plan.blocks, plan.job.state_bytes)
            simulate(plan, compile_program(plan.job, workers), folder, progress=progress)
        join(plan, folder)
        drop_chunks(folder)


def _bytes(study: Study) -> int:
    """Of the arrays of a study."""
    return sum(leaf.nbytes for leaf in jax.tree.leaves(study.plan.job))


def _assert_readable(folder: Path) -> None:
    """Raises UserError for a simulated setting that was damaged since."""
    try:
        read_json(folder / ABOUT)["changes"]
        len(Columns(folder / "paths.parquet")["status"])
    except (OSError, ValueError, LookupError) as error:  # pyarrow's errors are of these kinds
        raise UserError(f"{folder}: cannot be read ({first_line(error)}). Remove this folder and give the "
                        "command again: the setting is simulated anew.") from None


def changed(container: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """A configuration with some keys set. Raises UserError for a key whose section is not there."""
    result = copy.deepcopy(dict(container))
    for key, value in changes.items():
        node, parts = result, key.split(".")
        for part in parts[:-1]:
            if not isinstance(node.get(part), dict):
                raise UserError(f"{key}: the configuration has no section {part} there. Choose a preset that has one, "
                                "or set it whole.")
            node = node[part]
        node[parts[-1]] = value
    return result


def setting_name(changes: Changes, hold_book: bool, book: str | None = None) -> str:
    """A folder's name for a setting: the same for the same changes in whatever order, and the same given ``book``."""
    if not changes and book is None:
        return "base"
    text = json.dumps([changes, hold_book] if book is None else [changes, book], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
