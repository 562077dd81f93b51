"""Commands of shares."""
