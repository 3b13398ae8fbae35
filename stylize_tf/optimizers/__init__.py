"""Methods that move an image, given values and gradients."""
