"""Websites and interfaces that are checked."""
