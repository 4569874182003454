"""What others made and we install: pinned by hash, renewed by one command, audited."""
