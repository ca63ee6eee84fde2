"""How readers follow what transactions write: in which order, and who wakes them."""
