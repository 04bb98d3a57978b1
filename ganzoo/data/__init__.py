"""Data sets: where they are found, how they are read, and batches where the model trains."""
