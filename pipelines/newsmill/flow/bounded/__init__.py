"""The pipeline of one bounded batch, and the transforms that only it has."""
