"""Attacks on the sandbox, each with what it must get. A row is a snippet; a file is a kind of attack."""
