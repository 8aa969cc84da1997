"""Working with a queue."""
