"""nas2fa-smb: tells and ends SMB sessions for nas2fad, which runs no program. One short process a request."""
