"""Suites: a few requests in order, with values taken from answers, and a cleanup that always runs."""
