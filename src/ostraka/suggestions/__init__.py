"""Scores that clients suggest for texts, kept as labelled rows for the next training."""
