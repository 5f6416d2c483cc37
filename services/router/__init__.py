"""Judges every event: does the desk get it, and why. Loses nothing, counts everything."""
