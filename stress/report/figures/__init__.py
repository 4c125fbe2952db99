"""One file a figure; each has ``TITLE`` and ``draw(run) -> Drawn``, and draws only from a loaded run."""
