"""Where records come from: Kafka, WARC files, folders; and the envelopes they come in."""
