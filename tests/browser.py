"""A page opened in the system's Chromium, without a driver: a script in a copy of the page writes down what it sees."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
MISSING = f"no Chromium on the path ({', '.join(NAMES)}); Debian: apt-get install chromium"
_CONSOLE = re.compile(r"CONSOLE[:(]\d+\)?\] *(.*)")
_PROBE = """<script id="probe" type="application/json"></script><script>
window.addEventListener("load", () => {
  const name = link => decodeURIComponent(link.getAttribute("href").slice(1));
  const links = [...document.querySelectorAll("a[href]")];
  const style = element => element ? getComputedStyle(element) : {};
  document.getElementById("probe").textContent = JSON.stringify({
    images: [...document.images].map(i => [i.alt, i.complete ? i.naturalWidth : 0, i.getBoundingClientRect().width]),
    dangling: links.filter(l => l.getAttribute("href").startsWith("#") && !document.getElementById(name(l)))
      .map(l => l.getAttribute("href")),
    files: links.map(l => l.getAttribute("href")).filter(h => !h.startsWith("#") && !h.startsWith("data:")),
    wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    background: style(document.body).backgroundColor, colour: style(document.body).color,
    card: style(document.querySelector("figure img")).backgroundColor});
});</script>"""


@dataclass(frozen=True)
class Seen:
    """What a page looks like from inside, and what the browser said about it."""

    images: list[tuple[str, int, float]]  # name, pixels across (0: broken), width on the page
    dangling: list[str]  # links within the page that lead nowhere
    files: list[str]  # links to files
    wider: float  # pixels that the page is wider than the window
    dark: bool
    background: str
    colour: str
    card: str  # background of pictures
    console: list[str]


def look(page: Path, profile: Path, *, dark: bool = False, width: int = 1100) -> Seen:
    """Open a page and write down what is there."""
    copy = page.with_name(f"probed-{page.name}")
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{_PROBE}</body>"), encoding="utf-8")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    done = _chromium(profile, scheme, f"--window-size={width},900", "--enable-logging=stderr", "--dump-dom",
                     copy.as_uri())
    copy.unlink()
    found = re.search(r'<script id="probe" type="application/json">(.*?)</script>', done.stdout, re.DOTALL)
    assert found and found[1], f"{page}: the browser gave no page back: {done.stderr[-2000:]}"
    seen: dict[str, Any] = json.loads(found[1])
    return Seen(**seen | {"images": [tuple(image) for image in seen["images"]]}, console=_CONSOLE.findall(done.stderr))


def printed(page: Path, profile: Path) -> int:
    """Number of pages on paper."""
    target = profile / f"{page.stem}.pdf"
    _chromium(profile, "--no-pdf-header-footer", f"--print-to-pdf={target}", page.as_uri())
    return len(re.findall(rb"/Type\s*/Page\b", target.read_bytes()))


def _chromium(profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    alone = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # root has no sandbox
    common = ["--headless", *alone, "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
              f"--user-data-dir={profile}"]
    return subprocess.run([CHROMIUM, *common, *arguments], capture_output=True, text=True, timeout=300, check=True)
