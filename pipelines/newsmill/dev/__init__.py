"""A broker and a runner for development."""
