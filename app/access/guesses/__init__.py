"""Wrong passwords and keys: how many of them all processes together let anybody try."""
