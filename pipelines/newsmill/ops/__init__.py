"""What the mill tells its keepers: metrics, health, report, doctor."""
