"""The order of layers (data flows one way), read off the import statements."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "stress"
OUTSIDE = {"hydra", "omegaconf", "matplotlib"}
TOP = {"stress.session", "stress.api", "stress.cli"}

FORBIDDEN = {
    "config": {"jax", "rich", *OUTSIDE, "stress.price", "stress.book", "stress.protocol", "stress.liquidity",
               "stress.engine", "stress.mc", "stress.build", "stress.report", *TOP},
    "liquidity": {*OUTSIDE, "stress.config", "stress.price", "stress.book", "stress.protocol", "stress.engine",
                  "stress.mc", "stress.build", "stress.report", *TOP},
    "protocol": {*OUTSIDE, "stress.config", "stress.price", "stress.book", "stress.engine", "stress.mc", "stress.build",
                 "stress.report", *TOP},
    "book": {*OUTSIDE, "stress.price", "stress.engine", "stress.mc", "stress.build", "stress.report", *TOP},
    "price": {*OUTSIDE, "stress.book", "stress.protocol", "stress.liquidity", "stress.engine", "stress.mc",
              "stress.report", *TOP},
    "calibrate": {*OUTSIDE, "stress.book", "stress.engine", "stress.mc", "stress.build", "stress.report", *TOP},
    "engine": {*OUTSIDE, "stress.config", "stress.price", "stress.book", "stress.mc", "stress.build", "stress.report",
               *TOP},
    "mc": {*OUTSIDE, "stress.config", "stress.build", "stress.report", *TOP},
    "build": {*OUTSIDE, "stress.report", *TOP},
    "decisions": {*OUTSIDE, "stress.report", *TOP},
    "report": {"jax", "hydra", "stress.price", "stress.protocol", "stress.liquidity", "stress.engine", "stress.mc",
               "stress.build", *TOP},
}
"""What a package must not import."""


def imports(source: str) -> set[str]:
    """Names imported anywhere in ``source``: top-level packages, and two levels of our own."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            found |= {parts[0], ".".join(parts[:2])}
    return found


def broken(package: str) -> list[str]:
    """Violations in a package, as text."""
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"no package {package}"
    return [f"{file.relative_to(ROOT.parent)} imports {name}" for file in files
            for name in sorted(imports(file.read_text(encoding="utf-8")) & FORBIDDEN[package])]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_package_imports_only_what_is_below_it(package: str) -> None:
    assert broken(package) == []


def test_every_package_has_a_rule() -> None:
    packages = {child.name for child in ROOT.iterdir() if (child / "__init__.py").exists()}
    assert packages - {"cli"} == set(FORBIDDEN)


@pytest.mark.parametrize("line", ["import hydra", "from hydra.core import x", "from stress import report",
                                  "def f():\n    from stress.report.page import x", "import matplotlib.pyplot as plt"])
def test_the_reader_of_imports_sees_every_form(line: str) -> None:
    assert imports(line) & FORBIDDEN["mc"]


def test_only_cli_and_conftest_set_jax_options() -> None:
    setters = [file.relative_to(ROOT).parts[0] for file in ROOT.rglob("*.py")
               if "jax.config.update" in file.read_text(encoding="utf-8")]
    assert set(setters) == {"cli"}
