"""Clips: frames in and out, motion between them, and what keeps them calm."""
