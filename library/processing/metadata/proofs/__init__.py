"""One module a container family: every byte of a file explained, by code that the cleaners do not share."""
