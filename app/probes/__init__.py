"""Checks of websites and HTTP interfaces."""
