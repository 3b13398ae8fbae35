"""Pixels in and out, and pictures put together to be looked at."""
