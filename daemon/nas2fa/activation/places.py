"""Where switching on keeps what it needs to go back. `switch-back`, in sh, knows the same places."""

TOP = "/var/lib/nas2fa-switch"  # root's alone; on the disk, since the way back must outlive a power cut
PENDING = f"{TOP}/pending"  # link to the state of a switch that nobody has confirmed yet
ENFORCED = f"{TOP}/enforced"  # link to the state of the switch that is confirmed
DISABLING = f"{TOP}/disabling"  # link to the enforced one while `switch-back disable` ends it
LOCK = f"{TOP}/lock"  # flock(2): one switch, confirmation or way back at a time

TRIAL = "/run/nas2fa/trial"  # what nas2fad tells administrators at a login meanwhile
BALLAST = "/etc/nas2fa/switch-ballast"  # room that the way back gives free when the disk is full
BALLAST_BYTES = 1 << 16

_NAME = "switch-back"
SCRIPT = f"/usr/libexec/nas2fa/{_NAME}"
RECIPES = "/usr/share/nas2fa/pam.d"  # one for each service that asks once, for password and code in one field

CONFIG = "/etc/nas2fa/nas2fa.toml"
DROP_IN = "/etc/ssh/sshd_config.d/00-nas2fa.conf"
SSHD_STACK = "/etc/pam.d/sshd"
SAMBA_STACK = "/etc/pam.d/samba"
BOOT_UNIT = "/etc/systemd/system/nas2fa-switch-back.service"
BOOT_LINK = "/etc/systemd/system/sysinit.target.wants/nas2fa-switch-back.service"
TIMER = "nas2fa-trial"  # the transient timer, and the service that it starts

ELSEWHERE = "198.51.100.1"  # TEST-NET-2: an address from which nobody has special rules

_IN_THIS_ORDER = f"{PENDING}/{_NAME} {DISABLING}/{_NAME} {SCRIPT}"  # what lies with a state outlives the package
BOOT_UNIT_TEXT = f"""\
# A switch to 2-step verification waits to be confirmed, or is being disabled: when the box starts before that is done,
# this undoes it.
[Unit]
Description=Undo the switch to 2-step verification that nobody confirmed, or is disabled (nas2fa)
Documentation=man:nas2fa-system(8)
DefaultDependencies=no
RequiresMountsFor=/etc /usr {PENDING}
After=local-fs.target
Before=sysinit.target shutdown.target
Conflicts=shutdown.target
[Service]
Type=oneshot
TimeoutStartSec=120
ExecStart=/bin/sh -c 'for s in {_IN_THIS_ORDER}; do test ! -e $$s || exec /bin/sh $$s boot; done'
"""
