"""What is stored: records, credential files, state."""
