"""Clips painted from files to files."""
