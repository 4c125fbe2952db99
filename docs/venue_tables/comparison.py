"""All presets on one book under three shocks: the table of ``docs/venues/comparison.md``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from docs.venue_tables.pages import VENUES, table

BOOK = (
    "book.accounts=300",
    "protocol.initial_margin=0.1",
    "book.synthetic.size_max_share=0.01",
    "book.synthetic.open_interest_usd.SOL=40e6",
)
"""Of the population that is exported and then given to every venue."""
RUN = ("run=quick", "run.paths=512", "run.horizon_hours=12", "protocol.insurance_fund=2e4")
SHOCKS = ("gap_adverse", "gap_severe", "volatility_severe")
PRESETS = (*VENUES, "generic")
CENT = 0.01
COLUMNS = {
    "depletion_probability": "depletion",
    "adl_probability": "ADL",
    "bad_debt": "bad debt",
    "uncovered": "uncovered",
    "backstop_loss": "backstop's loss",
    "liquidated_notional": "liquidated",
    "amplification": "amplification",
}


def export(folder: Path) -> None:
    """Write the book."""
    from stress.cli.main import main

    if main([f"book.export={folder}", *BOOK]) != 0:
        raise RuntimeError("the book was not written")


def measured(shock: str, preset: str, folder: Path) -> dict[str, Any]:
    """Metrics of one run."""
    import stress

    book = ("book=file", f"book.positions={folder}/positions.csv", f"book.collateral={folder}/collateral.csv")
    book = (*book, "protocol.contract=linear")  # its accounts hold several markets
    return stress.run([*book, f"protocol={preset}", f"shock={shock}", *RUN]).summary["metrics"]


def comparison() -> str:
    """The tables of all shocks; minutes."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "book"
        export(folder)
        return "\n".join(_tables(folder))


def _tables(folder: Path) -> Iterator[str]:
    for shock in SHOCKS:
        rows = []
        for preset in PRESETS:
            rows.append(_row(preset, measured(shock, preset, folder)))
            print(shock, preset, flush=True)
        yield f"### `shock={shock}`\n"
        yield table(("preset", *COLUMNS.values()), rows)


def _row(preset: str, metrics: dict[str, Any]) -> Sequence[str]:
    return (f"`{preset}`", *(_cell(name, metrics.get(name)) for name in COLUMNS))


def _cell(name: str, metric: dict[str, Any] | None) -> str:
    """Estimate and interval, as the report prints them."""
    from stress.report.metrics import interval, printed

    if metric is None:
        return ""
    shown = {part: _no_dust(value) if metric["unit"] == "USD" else value for part, value in metric.items()}
    return f"{printed(name, shown)} ({interval(name, shown)})"


def _no_dust(value: Any) -> Any:
    """Nothing, where an amount in USD is rounding."""
    return 0.0 if isinstance(value, float) and abs(value) < CENT / 2 else value
