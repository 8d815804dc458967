"""The configuration, /etc/nas2fa/nas2fa.toml."""

from nas2fa.config.files import load
from nas2fa.config.options import Config, parse

__all__ = ["Config", "load", "parse"]
