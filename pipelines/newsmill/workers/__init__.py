"""The processes that a portable runner starts."""
