"""Logins of interfaces: tokens that are fetched and renewed, keys that are fixed, signatures of requests."""
