"""Commands on the store: collect, export, gaps, coverage, and what may be asked for."""
