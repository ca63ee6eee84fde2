"""Conditions on a response: how they are written, and whether they hold."""
