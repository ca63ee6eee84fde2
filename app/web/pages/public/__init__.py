"""What anybody may see: pictures that were released, and the page of the status where the owner chose one."""
