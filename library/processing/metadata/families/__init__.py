"""One module a container family: what it tells, and the same picture written anew without that."""
