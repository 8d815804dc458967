"""The factors, one file each: what a right answer is. Pure."""
