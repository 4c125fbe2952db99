"""Make the pictures of the documentation from a real run: ``python docs/picture.py [overrides]``.

Without overrides it is the default run, the one whose curve the README shows.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import stress

FIGURES = ("fund_curve", "story")
FOLDER = Path(__file__).parent / "images"


def main(overrides: list[str]) -> None:
    """Run, and copy the figures of the report."""
    with tempfile.TemporaryDirectory() as folder:
        stress.run(overrides, output=folder)
        for name in FIGURES:
            shutil.copyfile(Path(folder) / "figures" / f"{name}.png", FOLDER / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
