"""How readers follow what transactions write: in which order, and told by whom."""
