"""Values of requests: parameters with their styles, and bodies, from what a document says of them."""
