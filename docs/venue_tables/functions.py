"""Functions and classes of ``stress.protocol`` and ``stress.liquidity`` by mechanism, as they introduce themselves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docs.venue_tables.pages import DOCS, table

SOURCE = DOCS.parent / "stress" / "protocol"
MECHANISMS = {
    "Margin": "margin",
    "Liquidation": "liquidation",
    "Order of closing": "liquidation/order",
    "Auto-deleveraging": "adl",
    "Insurance": "insurance",
    "Waterfall": "waterfall",
    "Funding": "funding",
    "Price impact": "../liquidity",
    "Others": "",
}
"""Headings, and the folders below ``stress/protocol``."""


def function_tables() -> str:
    """A section a mechanism, a table a module."""
    return "\n".join(part for title, folder in MECHANISMS.items() for part in _section(title, (SOURCE / folder).resolve()))


def _section(title: str, folder: Path) -> Iterator[str]:
    yield f"## {title}\n"
    for file in sorted(folder.glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        rows = [row for node in tree.body for row in _rows(node)]
        if rows:
            module = file.relative_to(DOCS.parent).with_suffix("").as_posix().replace("/", ".")
            yield f"### `{module}`\n\n{_summary(tree)}\n"
            yield table(("function", "what it gives"), rows)


def _rows(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """A public function, or a public class; methods of classes are in the source."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
        yield f"`{node.name}({_arguments(node) if isinstance(node, ast.FunctionDef) else _fields(node)})`", _summary(node)


def _arguments(node: ast.FunctionDef) -> str:
    given = [argument.arg for argument in node.args.args]
    defaults = [ast.unparse(value) for value in node.args.defaults]
    plain = len(given) - len(defaults)
    return ", ".join([*given[:plain], *(f"{n}={v}" for n, v in zip(given[plain:], defaults, strict=True))])


def _fields(node: ast.ClassDef) -> str:
    """What a dataclass is made of."""
    own = [line for line in node.body if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)]
    return ", ".join(ast.unparse(line.target) for line in own if "ClassVar" not in ast.unparse(line.annotation))


def _summary(node: ast.Module | ast.FunctionDef | ast.ClassDef) -> str:
    """The first sentence or paragraph's first line of a docstring, fit for a cell."""
    paragraph = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    return re.sub(r":\w+:`", "`", paragraph).replace("|", "\\|").replace("``", "`")
