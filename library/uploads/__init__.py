"""How files come in: the form and its handler."""
