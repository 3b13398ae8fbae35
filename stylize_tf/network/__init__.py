"""VGG19: its weights from anywhere, and the feature maps of an image."""
