"""The client of nas2fa-smb@: which SMB sessions are open, and the end of some. nas2fad itself runs no program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """One SMB session. `began`: unix seconds."""

    uid: int
    address: str  # canonical, as in nas2fa.network.literal
    pid: int
    began: float


async def sessions(path: str) -> list[Session] | None:  # noqa: ARG001
    """All that are open; None when it cannot be told."""
    return None


async def end(path: str, uid: int, address: str = "") -> int | None:  # noqa: ARG001
    """End those of a user, at one address or all; how many, None when it cannot be told."""
    return None
