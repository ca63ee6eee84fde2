"""The first page: how things are, in a sentence, in tiles, on a map, and area by area."""
