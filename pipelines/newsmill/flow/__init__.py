"""The flow of records through Beam: what is in it, its steps, and the two pipelines that they make."""
