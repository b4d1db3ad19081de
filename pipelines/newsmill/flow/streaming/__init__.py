"""The endless pipeline, and the transforms that only it has."""
