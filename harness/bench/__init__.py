"""What the harness and the reimplementation cost, side by side. ``python -m harness.bench`` prints the table."""
