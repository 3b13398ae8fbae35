"""Files in, files out: what is asked for is checked, painted and written, whoever asks."""
