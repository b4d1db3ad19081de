"""Flink from outside: what its REST endpoint knows of clusters and jobs."""
