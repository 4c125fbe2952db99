"""What ``docs/venues.py`` writes into the pages of the venues."""
