"""Seventh stop: tell. Nothing here is needed for correctness; what is told is on record already."""
