"""Keeping a lake: compaction, garbage, takedowns, mending and moving."""
