"""How good painted pictures are, by measures that share no code with what painted them."""
