"""Running the pipelines: batch after batch in this process, or submitted to a portable runner."""
