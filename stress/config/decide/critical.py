"""Settings of the command ``critical``."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import PerMarket, field


@dataclass(kw_only=True)
class CriticalConfig:
    """Which sudden move, or loss of depth, breaks the venue."""

    largest_move: float = field(
        "largest shock that is looked at, down and up, relative to the price", above=0, below=1)
    points: int = field("shocks on a curve, evenly spaced up to the largest", low=2, high=1000)
    tolerance: float = field(
        "width of the bracket that a critical shock is narrowed to, as a relative move or a share of depth", above=0,
        below=1)
    check_below: float = field(
        "stretch below a critical shock, as a relative move or a share of depth, that is looked at again at the "
        "spacing of the tolerance", low=0, below=1)
    quiet_minutes: float = field(
        "time after the shock in which prices stand still but for the venue's own selling", unit="min", above=0)
    together: PerMarket = field(
        "move of a market over that of the shock, when all markets move together", above=0)
    depth_losses: list[float] = field(
        "shares of the depth of all order books that are gone, for the frontier of move and depth loss", low=0, below=1)
    at_moves: list[float] = field(
        "moves of all markets together, down and up, at which the critical loss of depth is looked for", above=0,
        below=1)
    largest_depth_loss: float = field("largest loss of depth that is looked at, as a share", above=0, below=1)
    cluster_width: float = field(
        "window on price, relative to the price at the start, over which liquidation levels are added up", above=0,
        below=1)
    clusters: int = field("clusters of liquidation levels that are listed", low=1, high=100)
    likelihood: bool = field("whether to say how often the market model moves so far, from one simulation of prices")
