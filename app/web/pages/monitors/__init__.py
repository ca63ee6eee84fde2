"""Websites and services that are checked: many at once, each by itself, and what can be done with them."""
