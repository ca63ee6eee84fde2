"""The bidding zones side by side: what a value of each is at a moment, and how well its data are."""
