"""Alerts, silences, rules and channels, and what people decide about them."""
