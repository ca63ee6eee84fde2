"""Interfaces that are probed: services of a file, their operations, cycles and results."""
