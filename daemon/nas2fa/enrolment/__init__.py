"""What can be done to an account's second step, as generators over the same steps as a login."""
