"""What is seen and heard on a terminal: lines, progress, signals."""
