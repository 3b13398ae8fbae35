"""What is spoken over HTTP: the paths, what they take and what they answer."""
