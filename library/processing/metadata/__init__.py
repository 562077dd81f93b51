"""What a file tells beside its picture: read it, leave it out, and prove that it is gone."""
