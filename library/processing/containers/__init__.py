"""Files by their parts: where each begins and ends, before anybody asks what is in it."""
