"""Settles whether two implementations of an adversarial attack, or of adversarial training, do the same thing."""

__version__ = "0.1.0"
