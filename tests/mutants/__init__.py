"""Seeded defects and correct rewritings of both attacks: what the shipped scenarios must tell apart."""
