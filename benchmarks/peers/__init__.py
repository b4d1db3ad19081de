"""The same stages by other means, for `benchmarks/throughput.py`."""
