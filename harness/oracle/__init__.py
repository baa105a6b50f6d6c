"""Judges outcomes: metrics, tolerances, verdicts. NumPy only, no input or output: a pure function of figures."""
