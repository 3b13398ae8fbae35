"""A picture painted by optimizing it, from coarse to fine."""
