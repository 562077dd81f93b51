"""What speed means here, measured: `make bench`."""
