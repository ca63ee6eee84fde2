"""When the cycles of a service are due, one cycle, and what it came to."""
