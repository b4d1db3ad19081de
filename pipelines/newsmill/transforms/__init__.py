"""The verbs: one PTransform a file, each a thin run of its pure twin."""
