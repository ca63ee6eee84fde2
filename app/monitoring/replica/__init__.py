"""What a replica uses of its machine."""
