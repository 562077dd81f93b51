"""Paths and values in, paths and values out: media without Django."""
