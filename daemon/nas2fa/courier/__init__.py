"""nas2fa-courier: asks the network for nas2fad, which has none. Started on demand; leaves when nobody asks."""
