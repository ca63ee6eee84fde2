"""Runs the alerts of a file when they are due, until it is stopped."""
