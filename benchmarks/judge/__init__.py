"""The judge of `stylize_tf.judge` over pictures at hand, and over pairs that are painted for it."""
