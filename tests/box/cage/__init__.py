"""Programs that test_cage.py runs inside the sandboxes of the units."""
