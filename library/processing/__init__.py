"""Paths and values in, paths and values out: media and archives without Django."""
