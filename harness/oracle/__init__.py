"""Judges outcomes: metrics, tolerances, verdicts. Pure functions of figures, on NumPy and SciPy; no input or output."""
