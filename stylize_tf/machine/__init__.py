"""What a machine has and how it is used: files, memory, number formats, tracing."""
