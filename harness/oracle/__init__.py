"""Judges outcomes: metrics, tolerances, verdicts. NumPy and SciPy only, no input or output: a pure function of figures."""
