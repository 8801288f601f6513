"""Seeded fault injection: no fault may lose, truncate or silently change anything."""
