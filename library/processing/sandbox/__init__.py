"""A process beside ours in which files of strangers are decoded."""
