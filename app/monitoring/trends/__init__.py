"""How the parts of the service went of late: what the tiles of the overview draw."""
