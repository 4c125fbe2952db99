"""What a calibration works on: the history read, split where that was asked for, and checked to be long enough."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stress.config.schema import Config
from stress.errors import UserError, bad_value
from stress.price.calibrate.base import Sample
from stress.price.calibrate.history import History, load_history, moment, seconds_of


@dataclass(frozen=True)
class Study:
    """The data of a calibration."""

    history: History  # what is fitted
    sample: Sample  # its returns
    whole: Sample  # with the bars that are held out
    split: str | None  # UTC date from which on bars are held out

    @property
    def bars(self) -> int:
        """Bars in which some market was seen."""
        return int(np.isfinite(self.sample.returns).any(1).sum())


def open_study(cfg: Config) -> Study:
    """Read the history; raises UserError for anything that cannot be used."""
    markets = list(cfg.data.markets or cfg.price.markets)
    if len(set(markets)) < len(markets) or "default" in markets:
        raise bad_value("data.markets", markets, "names of markets, each once, none of them 'default'")
    whole, split = load_history(cfg.data, markets), cfg.calibrate.split
    if split is None:
        return Study(whole, _sample(whole), _sample(whole), None)
    last = whole.start + (len(whole.prices) - 1) * whole.bar_seconds
    if not whole.start < seconds_of(split) <= last:
        raise bad_value("calibrate.split", split, f"a date inside the history, {moment(whole.start)[:10]} to "
                        f"{moment(last)[:10]}")
    fitted = load_history(replace(cfg.data, end=split), markets)
    return Study(fitted, _sample(fitted), _sample(whole), split)


def _sample(history: History) -> Sample:
    return Sample(history.markets, history.returns, history.bar_seconds)


def check_enough(study: Study, fewest: int) -> None:
    """UserError unless every market, and all of them together, have the returns that a model needs."""
    history, returns = study.history, study.sample.returns
    seen = np.isfinite(returns)
    for a, (market, number) in enumerate(zip(history.markets, seen.sum(0), strict=True)):
        file = history.sources[market].file.name
        if number < fewest:
            raise UserError(f"{file}: {number} returns for {market}, allowed is at least {fewest} for this model. Give "
                            "a longer history.")
        if np.nanstd(returns[:, a]) == 0:
            raise UserError(f"{file}: the price of {market} never moves.")
    if seen.all(1).sum() < fewest:
        described = history.describe()["markets"].items()
        spans = ", ".join(f"{m} {d['start'][:10]} to {d['end'][:10]}" for m, d in described)
        raise UserError(f"data.path: {int(seen.all(1).sum())} bars have a return of every market ({spans}), allowed is "
                        f"at least {fewest}: correlations need common times. Take other data.markets or files that "
                        "overlap.")


def data_notes(study: Study) -> list[str]:
    """What a reader should know about the data."""
    described, notes = study.history.describe(), []
    starts = {m: d["start"] for m, d in described["markets"].items()}
    late = [f"{m} from {s[:10]}" for m, s in starts.items() if s > min(starts.values())]
    if late:
        notes.append(f"Markets begin at different times ({', '.join(late)}; the first {min(starts.values())[:10]}): "
                     "earlier bars inform the other markets and the regimes only; correlations come from common bars.")
    returns = study.sample.returns
    still = np.asarray(np.nanmean(np.where(np.isnan(returns), np.nan, returns == 0), axis=0))
    return notes + [f"{m}: {share:.0%} of returns are exactly zero. Is the price stale?"
                    for m, share in zip(study.sample.markets, still, strict=True) if share > 0.2]
