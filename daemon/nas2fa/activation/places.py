"""Where switching on keeps what it needs to go back. `switch-back`, in sh, knows the same places."""

TOP = "/var/lib/nas2fa-switch"  # root's alone; on the disk, since the way back must outlive a power cut
PENDING = f"{TOP}/pending"  # link to the state of a switch that nobody has confirmed yet
ENFORCED = f"{TOP}/enforced"  # link to the state of the switch that is confirmed
LOCK = f"{TOP}/lock"  # flock(2): one switch, confirmation or way back at a time

TRIAL = "/run/nas2fa/trial"  # what nas2fad tells administrators at a login meanwhile
BALLAST = "/etc/nas2fa/switch-ballast"  # room that the way back gives free when the disk is full
BALLAST_BYTES = 1 << 16

SCRIPT = "/usr/libexec/nas2fa/switch-back"
RECIPES = "/usr/share/nas2fa/pam.d"  # one for each service that asks once, for password and code in one field

CONFIG = "/etc/nas2fa/nas2fa.toml"
DROP_IN = "/etc/ssh/sshd_config.d/00-nas2fa.conf"
SSHD_STACK = "/etc/pam.d/sshd"
SAMBA_STACK = "/etc/pam.d/samba"
BOOT_UNIT = "/etc/systemd/system/nas2fa-switch-back.service"
BOOT_LINK = "/etc/systemd/system/sysinit.target.wants/nas2fa-switch-back.service"
TIMER = "nas2fa-trial"  # the transient timer, and the service that it starts

ELSEWHERE = "198.51.100.1"  # TEST-NET-2: an address from which nobody has special rules
