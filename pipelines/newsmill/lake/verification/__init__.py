"""Checking a lake by the files alone, independent of the code that wrote it."""
