"""Jobs, runs and backfills: what the service does, and the controls of it."""
