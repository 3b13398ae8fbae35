"""What is minimized: statistics, distances, terms and their balance."""
