"""Where rows end: schemas, files, commits, audit, compaction, replay."""
