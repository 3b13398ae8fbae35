"""How good pictures are over whole sets: pairs of a photograph and a painting, judged."""
