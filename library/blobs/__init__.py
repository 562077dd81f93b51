"""Stored bytes: on their way in, kept, and read."""
