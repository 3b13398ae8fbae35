"""Networks that paint a picture at once, in the manner of paintings they were trained with."""
