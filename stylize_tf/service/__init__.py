"""Pictures for many: a queue of jobs, workers that paint them, and a web process before them."""
