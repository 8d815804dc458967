"""A login, from the packet to the verdict. Pure: no socket, clock, file or log in here."""
