"""Whether values can be trusted: structure, validity and plausibility of a series, decided without a database."""
