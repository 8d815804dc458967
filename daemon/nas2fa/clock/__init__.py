"""What time it is, and how far that may be believed."""
