"""Many settings of one study at once: the market is drawn once, and what settings have in common is simulated once.

A *row* is one path under one venue. What a row leaves is a function of three things only: the numbers of its venue,
the accounts, and what its path's market does. So a market that is drawn once serves all settings, and rows whose
venues read the same numbers are one row (``sharing`` says which numbers a row reads). Rows of any settings and paths
are simulated side by side by the engine that simulates a run (``rows``).
"""
