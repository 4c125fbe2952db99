"""Run the policy studies and write their tables and pictures into the pages: ``python docs/studies.py [NAME ...]``.

All of them take twenty minutes on two idle cores. What the pages say about the numbers is written by hand: read it
again after a run.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from docs.venue_tables.pages import between, table  # noqa: E402
from stress.report.sweep_load import Job, Sweep  # noqa: E402

FOLDER, IMAGES = ROOT / "docs" / "studies", ROOT / "docs" / "images"
PATHS = 4096
PAYERS = ("depletion_probability", "bad_debt", "insurance_paid", "adl_haircut", "socialised_loss")


@dataclass(frozen=True)
class Study:
    """What the page of an experiment shows: metrics of its table, and which of the sweep's pictures."""

    metrics: tuple[str, ...]
    picture: str = "sweep_dots"  # or sweep_lines
    paths: int = PATHS


STUDIES = {
    "adl_policies": Study(("adl_notional", "adl_hit_share", "adl_largest_haircut", "adl_gini", "adl_cost",
                           "adl_overshoot")),
    "liquidation_speed": Study((*PAYERS[:2], "backstop_loss", "required_fund_99", "liquidated_notional",
                                "amplification")),
    "oracle_lag_volatility": Study((*PAYERS[:2], "required_fund_99", "liquidated_notional", "cascade_probability"),
                                   "sweep_lines"),
    "keeper_congestion": Study((*PAYERS[:2], "unrealised_bad_debt", "required_fund_99", "liquidated_notional",
                                "cascade_probability"),
                               "sweep_dots", 1024),  # keepers with a capacity cost the engine several times as much
    "fund_scope": Study(PAYERS, "sweep_lines"),
    "circuit_breaker": Study((*PAYERS[:2], "required_fund_99", "liquidated_notional", "cascade_probability",
                              "amplification")),
    "leverage_cap": Study((*PAYERS[:2], "required_fund_99", "liquidated_notional", "cascade_probability",
                           "amplification"), "sweep_lines"),
    "concentrated_whale": Study((*PAYERS[:2], "required_fund_99", "fund_drawdown_es_99", "cascade_probability",
                                 "max_displacement"), "sweep_lines"),
    "stablecoin_depeg": Study((*PAYERS[:2], "required_fund_99", "liquidated_accounts", "liquidated_notional",
                               "cascade_probability")),
}


def run(name: str, folder: Path) -> None:
    """The sweep of an experiment."""
    from stress.cli.main import main

    words = [f"experiment={name}", f"run.paths={STUDIES[name].paths}", "report.enabled=false", f"hydra.sweep.dir={folder}"]
    if main(words) not in (0, 3):
        raise RuntimeError(f"{name}: a job failed, see {folder}")


def result(name: str, folder: Path) -> str:
    """Picture and table of a sweep, as Markdown."""
    from stress.report.metrics import title_of
    from stress.report.sweep_load import load_sweep

    study, sweep = STUDIES[name], named(load_sweep(folder))
    (IMAGES / f"study_{name}.png").write_bytes(smaller(picture(sweep, study)))
    shown = [f"![{name.replace('_', ' ')}](../images/study_{name}.png)", ""]
    rows = [[sweep.label(job), *(cell(metric, job.metrics.get(metric)) for metric in study.metrics)]
            for job in sweep.done]
    paths = sweep.done[0].metrics[study.metrics[0]]["n"]
    return "\n".join([*shown, f"{paths:,} paths a job; in brackets 95 % intervals.", "",
                      table(("setting", *map(title_of, study.metrics)), rows)])


def named(sweep: Sweep) -> Sweep:
    """A vault by its name instead of its numbers, which the experiment's file has."""
    vault = "protocol.backstop"

    def told(job: Job) -> Job:
        values = dict(job.overrides or {})
        if vault in values:
            values["disposal"] = "book" if values.pop(vault) == "null" else "vault"
        return replace(job, overrides=values)

    return replace(sweep, jobs=[told(job) for job in sweep.jobs],
                   keys=["disposal" if key == vault else key for key in sweep.keys])


def picture(sweep: Sweep, study: Study) -> bytes:
    """The sweep's figure, of the metrics in the study's table."""
    from stress.report import page, style
    from stress.report.figures import sweep_dots, sweep_lines

    with style.applied():
        if study.picture == "sweep_dots":
            drawn = sweep_dots.draw(sweep, study.metrics)
        else:
            along = max((key for key in sweep.keys if sweep.numeric(key)), key=lambda key: len(sweep.values(key)))
            drawn = sweep_lines.draw(sweep, study.metrics, along, next((k for k in sweep.keys if k != along), None))
        assert drawn.figure is not None
        return style.png(drawn.figure, page.DEFAULT_DPI)


def cell(name: str, metric: dict[str, Any] | None) -> str:
    """Estimate and interval, as the report prints them."""
    from stress.report.metrics import interval, printed

    return "" if metric is None else f"{printed(name, metric)} ({interval(name, metric)})"


def smaller(png: bytes) -> bytes:
    """A picture in few colours, for the page."""
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(png)) as whole:
        reduced = whole.convert("RGB").quantize(64)
    reduced.save(buffer := BytesIO(), format="png", optimize=True)
    return buffer.getvalue()


def main(words: list[str]) -> None:
    """Run the named studies, or all, and write their pages."""
    for name in words or STUDIES:
        page = FOLDER / f"{name}.md"
        with TemporaryDirectory() as place:
            run(name, Path(place) / "sweep")
            text = result(name, Path(place) / "sweep")
        page.write_text(between(page.read_text(encoding="utf-8"), "result", text), encoding="utf-8")
        print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
