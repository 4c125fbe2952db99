"""The report of one run."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from stress.report import assumptions, executive, limits, narrative, page, style, tables, tale
from stress.report.fairness import fairness_table
from stress.report.figures import (
    book,
    cascade,
    depletion_time,
    drawdown,
    fairness,
    fan,
    fund_brief,
    fund_curve,
    heatmap,
    path_brief,
    payers_brief,
    story,
    waterfall,
)
from stress.report.format import hours, many, plain_tick, seconds
from stress.report.history import history
from stress.report.load import Run, load_run

FIGURES: dict[str, tuple[ModuleType, ...]] = {
    "brief": (fund_brief, payers_brief, path_brief), "fund": (drawdown, fund_curve, depletion_time),
    "cascades": (cascade, heatmap), "payers": (waterfall, fairness), "story": (story,), "prices": (fan,),
    "book": (book,)}
"""Figures by section of the page; each is saved under the name of its module."""

_CONTENTS = (("verdict", "Verdict"), ("numbers", "Headline numbers"), ("fund", "Fund"), ("cascades", "Cascades"),
             ("payers", "Who pays"), ("story", "One path"), ("prices", "Prices"), ("book", "Book"),
             ("assumptions", "Assumptions"), ("record", "Record"))
_VERSIONS = ("version", "python", "jax", "jaxlib", "numpy", "platform", "devices")


def write_report(folder: Path) -> Path:
    """Write ``report.html`` and ``figures/*.png`` into a run folder from the files in it; returns the page.

    Raises UserError when the folder has no summary or a file of it cannot be read.
    """
    run = load_run(Path(folder))
    with style.applied():
        figures = {section: [_item(run, module) for module in modules] for section, modules in FIGURES.items()}
    return page.render(
        "report.html.j2", run.folder / "report.html", title=_title(run), facts=_facts(run), figures=figures,
        **_executive(run), points=narrative.in_short(run), warnings=narrative.cautions(run), contents=_CONTENTS,
        headlines=tables.headlines(run), markets=tables.market_table(run),
        fairness=fairness_table(run), story=tale.tell_story(run), book=tables.book_table(run),
        book_notes=[str(note) for note in run.manifest.get("book_notes", ())], assumptions=assumptions.assumptions(run),
        limitations=assumptions.limitations(run), status=tables.status_table(run),
        conservation=tables.pairs_table("residual", run.summary.get("conservation")), records=_records(run),
        config_text=run.config_text)


def _executive(run: Run) -> dict[str, Any]:
    """The verdict and the three sentences of the first page."""
    verdicts = executive.ordered(limits.verdicts(run))
    return {"verdicts": verdicts, "outcome": executive.outcome(verdicts), "sentences": executive.sentences(run),
            "most": executive.MOST, "example": executive.EXAMPLE}


def _item(run: Run, module: ModuleType) -> page.Item:
    name = module.__name__.rsplit(".", 1)[-1]
    dpi = int(run.setting("report.dpi") or page.DEFAULT_DPI)
    return page.place(run.folder, name, module.TITLE, module.draw(run), dpi)


def _title(run: Run) -> str:
    shown = run.markets if len(run.markets) <= 4 else [*run.markets[:3], f"{len(run.markets) - 3} more"]
    return f"Stress test: {', '.join(shown)} over {hours(run.horizon_hours)}"


def _facts(run: Run) -> str:
    step = run.summary.get("step_seconds")
    return page.listed((
        many(run.summary.get("paths"), "path"), f"{many(run.summary.get('steps'), 'tick')} of {seconds(step)}",
        many(run.summary.get("accounts"), "margin account"), f"seed {run.summary.get('seed')}",
        f"config {run.summary.get('config_hash')}",
        f"stress {run.manifest['version']}" if run.manifest.get("version") else "",
        str(run.manifest.get("created") or "").replace("T", " ").replace("+00:00", " UTC")))


def _records(run: Run) -> list[tuple[str, tables.Table | None]]:
    manifest = run.manifest
    timings = {k: f"{plain_tick(v)} s" if k.endswith("_seconds") and v is not None else v
               for k, v in {**manifest.get("timings", {}), **run.summary.get("timings", {})}.items()}
    identity = {"seed": run.summary.get("seed"), "config hash": run.summary.get("config_hash"),
                "command": manifest.get("command"), "created": manifest.get("created"),
                "complete": manifest.get("complete")}
    return [("Identity", tables.pairs_table("run", identity)),
            ("Versions", tables.pairs_table("what", {k: manifest[k] for k in _VERSIONS if k in manifest})),
            ("Timings", tables.pairs_table("step", {k.removesuffix("_seconds"): v for k, v in timings.items()})),
            ("Data", tables.pairs_table("SHA-256 of file", manifest.get("data_hashes"))),
            *((f"Where {what} comes from", tables.pairs_table("provenance", manifest.get(f"{key}_provenance")))
              for key, what in _ORIGINS.items()),
            ("The history that prices come from", tables.pairs_table("history", _history(run)))]


_ORIGINS = {"protocol": "the venue", "price": "the price model", "liquidity": "depth", "funding": "the funding premium"}


def _history(run: Run) -> dict[str, Any]:
    """What was read, less what stands elsewhere in the report."""
    return {key: value for key, value in history(run).items() if key not in ("files", "markets", "worst_fall")}
