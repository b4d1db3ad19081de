"""What a process needs to run: retries, budgets, objects made once, failpoints for tests."""
