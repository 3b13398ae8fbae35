"""Networks trained: on photographs, by the optimizer's objective."""
