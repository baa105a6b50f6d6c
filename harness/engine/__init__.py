"""Runs cases on subjects: plan, workers, store of outcomes, events."""
