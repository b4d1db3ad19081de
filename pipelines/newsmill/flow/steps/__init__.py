"""The steps that both pipelines share, each a PTransform that runs a pure function beside it."""
