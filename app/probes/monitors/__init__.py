"""Websites as people look at them: many at once, the worst first, each with what its last checks have shown."""
