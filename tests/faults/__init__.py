"""Faults on purpose, seeded: what must not lose, halve or silently change anything."""
