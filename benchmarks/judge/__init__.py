"""How good the pictures are, measured apart from whatever painted them."""
