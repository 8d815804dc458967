"""A throw-away Debian under systemd-nspawn, with our packages in it, for tests and for the demo.

The layers, from the bottom: a root made by mmdebstrap (`roots`), the packages installed in it once
(`layers`), and per box an overlay that is thrown away (`machine`). How to log in from outside is in
`clients`.
"""
