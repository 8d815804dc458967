"""A user whom several unit tests know."""

from nas2fa.store.records import Authenticator, Credential, RecoverySet, Secret

ALICE = Credential(
    uid=1000,
    user="alice",
    authenticators=(Authenticator(Secret(b"alice's secret key 1"), label="phone", created=1_700_000_000),),
    recovery=RecoverySet("00112233aabbccdd", b"salt" * 4, tuple(bytes([n]) * 32 for n in range(10))),
    enrolled=1_700_000_000,
)
