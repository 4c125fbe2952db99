"""One file a figure: a ``TITLE`` and a ``draw`` that returns the picture with its caption, or says why there is none.

Figures of a run take the loaded run alone; those of sweeps and calibrations what they need of theirs.
"""
