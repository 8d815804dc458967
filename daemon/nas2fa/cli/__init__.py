"""The command `nas2fa`: one file per group of commands. Speaks to nas2fad by nas2fa.control alone."""
