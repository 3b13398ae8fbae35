"""Networks in the formats of other run times, and the optimizer as a SavedModel."""
