"""What the owner released: pictures that anybody may see who has their address."""
