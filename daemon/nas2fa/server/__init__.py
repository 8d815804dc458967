"""nas2fad: sockets, peers, the pump, and the one place where login, enrolment and store meet."""
