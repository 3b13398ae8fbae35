"""Networks that paint at once: trained from files, and what pictures are painted with."""
