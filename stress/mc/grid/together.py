"""Settings of any kinds: what goes together is simulated together, and of the rest it is said why it goes alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stress.mc.grid.run import Counted, Setting, simulate_grid
from stress.mc.grid.sharing import by_family


@dataclass(frozen=True)
class Together:
    """What became of settings, by their places."""

    groups: list[tuple[list[int], Counted]]
    alone: dict[int, str]  # why nothing was simulated for them here


def simulate_together(
    settings: Sequence[Setting],
    devices: int | str,
    *,
    progress: bool,
    opened: Callable[[int], object] = int,
    stories: bool = True,
) -> Together:
    """Simulate settings that have others of their family into their folders; the rest is left alone.

    ``stories``: as :func:`simulate_grid` takes it.

    ``opened`` is called with the place of each before anything is written into its folder.
    """
    groups, alone = by_family([setting.plan for setting in settings])
    found = []
    for group in groups:
        for n in group:
            opened(n)
        mine = [settings[n] for n in group]
        found.append((group, simulate_grid(mine, devices, progress=progress, stories=stories)))
    return Together(found, alone)
