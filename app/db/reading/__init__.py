"""Reads that a streaming replica answers while it is fresh enough, and the primary otherwise."""
