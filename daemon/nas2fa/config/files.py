"""The configuration's file, and the copy of the last good one."""

from __future__ import annotations

import os
import stat
from typing import Final

from nas2fa.config.options import Config, parse
from nas2fa.errors import ConfigError, StoreError
from nas2fa.paths import Paths
from nas2fa.store import files

CONFIG_MAX: Final = 256 * 1024  # bytes


def load(paths: Paths) -> tuple[Config, str | None]:
    """The configuration to run with, and what is wrong with the file (None when nothing is).

    A bad file runs the last good one, or the defaults when there is none: what was in force stays in force, and the
    caller makes the fault loud. No file at all means the defaults, and is no fault.
    """
    try:
        text = _read(paths.config)
        if text is None:
            return Config(), None
        config = parse(text, paths.config)
    except ConfigError as error:
        return _last_good(paths), str(error)
    _keep(paths, text)
    return config, None


def _read(path: str) -> str | None:
    """A symbolic link is fine here (configuration tools make them); a file that others can write is not."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid not in (0, os.geteuid()) or stat.S_IMODE(found.st_mode) & files.UNWRITABLE:
                raise ConfigError(f"{path}:1: must belong to root and be writable by nobody else")
            content = file.read(CONFIG_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}:1: {error.strerror}") from None
    if len(content) > CONFIG_MAX:
        raise ConfigError(f"{path}:1: more than {CONFIG_MAX} bytes")
    return _decoded(content, path)


def _decoded(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8") from None


def _last_good(paths: Paths) -> Config:
    folder, name = os.path.split(paths.last_good_config)
    try:
        with files.directory(folder) as fd:
            content = files.read_file(fd, name, CONFIG_MAX)
        return parse(_decoded(content or b"", name), name)
    except (StoreError, ConfigError):
        return Config()


def _keep(paths: Paths, text: str) -> None:
    """Best effort: a full disk or a read-only one must not refuse a good configuration."""
    folder, name = os.path.split(paths.last_good_config)
    content = text.encode("utf-8")
    try:
        with files.directory(folder) as fd:
            if files.read_file(fd, name, CONFIG_MAX) != content:
                files.atomic_write(fd, name, content)
    except StoreError:
        return
