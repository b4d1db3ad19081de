"""Metrics, health, drift, and a check of the installation."""
