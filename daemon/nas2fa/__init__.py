"""nas2fa: two-step verification for a Linux NAS."""

__version__ = "0.1.0"
