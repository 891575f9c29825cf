"""Figures with their intervals: shares, agreement between raters, drift. Pure."""
