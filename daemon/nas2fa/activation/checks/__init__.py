"""The doctor's checks, by what they look at. Each is a function from an Examination to findings."""
