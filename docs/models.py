"""Write ``docs/models.md`` and its pictures from a comparison of models: ``python docs/models.py FOLDER``.

The folder is the output of ``perpstress calibrate price=all ...``; the page says the whole command.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from stress.report import comparison, out_of_sample
from stress.report.sources import read_json
from stress.report.tables import Table

PAGE = Path(__file__).parent / "models.md"
PICTURES = {"comparison": "models", "pit": "forecasts"}
MOVES = """\
## Worst moves and clustering

Median of 64 simulated histories and their range from the 5th to the 95th percentile; ✗ where the data lie outside it.
"""
MARK = "<!-- from here on written by docs/models.py -->\n"


def main(folder: Path) -> None:
    """The page's tables and pictures; what stands above the mark is written by hand and stays."""
    found = read_json(folder / "comparison.json")
    for name, image in PICTURES.items():
        shutil.copyfile(folder / "figures" / f"{name}.png", PAGE.parent / "images" / f"{image}.png")
    above = PAGE.read_text(encoding="utf-8").split(MARK)[0]
    PAGE.write_text(above + MARK + "\n" + "\n".join(sections(found)), encoding="utf-8")


def sections(found: dict[str, Any]) -> list[str]:
    """Markdown of the tables."""
    models, markets, data = found["models"], found["markets"], found["data"]
    tested = {name: model["out_of_sample"] for name, model in models.items()}
    history = f"{found['bars']:,} bars of an hour from {data['start'][:10]} to {data['end'][:10]}"
    return [
        f"## Fit\n\n{', '.join(markets)}: {history}; forecasts of what follows {found['split']}.\n",
        markdown(comparison.fit_table(models)),
        MOVES,
        markdown(comparison.moves_table(models, markets)),
        f"## Forecasts out of sample\n\n{out_of_sample.EXPLAINED}\n",
        markdown(out_of_sample.table(tested, markets)),
        markdown(comparison.held_out_table(tested)),
    ]


def markdown(table: Table | None) -> str:
    """A table in Markdown."""
    assert table is not None
    rule = ["---"] * table.numbers + ["---:"] * (len(table.header) - table.numbers)
    return "".join(f"| {' | '.join(row)} |\n" for row in (table.header, rule, *table.rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
