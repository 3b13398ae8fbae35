"""The stylizer in what TensorFlow's other parts want: input pipelines, summaries."""
