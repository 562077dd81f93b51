"""Tags for our own templates."""
