"""What is in force, keys of the API, files that are wrong, and what health and metrics say."""
