"""Pictures of a run: pure functions of its history, each with its text twin."""
