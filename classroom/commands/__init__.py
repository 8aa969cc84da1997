"""What `python -m classroom` can do, a command a file; imported when it is asked for."""
