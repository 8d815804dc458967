"""Switching the second step on for a whole box, checking that it holds, and the way back."""
