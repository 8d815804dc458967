"""nas2fa-signin: proves a person's password by PAM, then asks nas2fad for a token. One short process a sign-in."""
