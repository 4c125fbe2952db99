"""The questions a command answers; light, for the command line reads it before anything heavy is imported."""

DECISIONS = {
    "fund": "how large the insurance fund must be, by target, horizon and market",
    "frontier": "how much leverage can be offered, and what each step costs in safety",
    "critical": "which sudden move, or loss of depth, depletes the fund or starts a cascade",
    "attribution": "which markets, tiers, leverage bands and accounts carry the expected shortfall",
    "sensitivity": "by how much each parameter moves each metric, with a tornado plot",
}
"""Commands that answer a question, with the question. ``stress.decisions.<name>`` answers it: its ``decide(desk,
settings)`` returns what is found as plain data; ``stress.report.decisions.<name>`` makes the page of it; the settings
are the section ``decide.<name>``."""
