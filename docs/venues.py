"""Write what is computed on the pages of the venues: ``python docs/venues.py`` (a minute or two).

``python docs/venues.py comparison`` also runs all presets against each other (a quarter of an hour on two cores). Tests
compare the ledgers, the table of cases and the list of functions with what this makes; the comparison is not repeated.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from docs.venue_tables import cases, comparison, functions, ledgers, pages  # noqa: E402


def write(name: str, marker: str, text: str) -> None:
    """Put ``text`` between the markers of a page."""
    page = pages.FOLDER / f"{name}.md"
    page.write_text(pages.between(page.read_text(encoding="utf-8"), marker, text), encoding="utf-8")
    print(page)


def main(words: list[str]) -> None:
    """Write all pages."""
    for venue in pages.VENUES:
        page = (pages.FOLDER / f"{venue}.md").read_text(encoding="utf-8")
        write(venue, "ledger", ledgers.ledger_tables(ledgers.ledger(page)))
    write("cases", "cases", cases.case_tables())
    write("functions", "functions", functions.function_tables())
    if "comparison" in words:
        write("comparison", "tables", comparison.comparison())


if __name__ == "__main__":
    main(sys.argv[1:])
