"""Art direction: colors, masks, regions, whose strokes, what to start from."""
