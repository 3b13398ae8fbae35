"""Many pictures into one folder: which they are, and the run that paints them."""
