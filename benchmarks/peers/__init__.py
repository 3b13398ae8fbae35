"""Other programs, and ours against them."""
