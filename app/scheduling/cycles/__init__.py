"""One run of every job of collection: of a service that has just begun, and of `serve --once`."""
