# What `check` and `demo` share: the host's own programs, and packages that are installed when they are missing.
# To be read by a POSIX sh; keeps to Debian's programs, since another python3 or a venv may come first on the PATH.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C.UTF-8
PYTHONNOUSERSITE=1
PYTHONDONTWRITEBYTECODE=1
export PATH LC_ALL PYTHONNOUSERSITE PYTHONDONTWRITEBYTECODE
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV

python=/usr/bin/python3

# What boots a box and logs in to it.
box_packages="python3 python3-pexpect mmdebstrap systemd-container debian-archive-keyring util-linux iproute2 tar
	openssh-client"

say() { printf '%s\n' "$*"; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# install_missing PACKAGE...: nothing when all are there; else apt-get, as root
install_missing() {
	missing=
	for package in "$@"; do
		installed "$package" || case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		say "Not installed:$missing"
		say "Run it with sudo, or: apt-get install$missing"
		return 1
	fi
	say "installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	# A package list that cannot be refreshed may still do; what cannot be installed cannot.
	apt-get -qq update || say "apt-get update failed; going on with the old package lists"
	# shellcheck disable=SC2086  # a list of words
	install_output=$(apt-get -qq -y --no-install-recommends install $missing 2>&1 </dev/null) && return 0
	say "$install_output"
	return 1
}

# What root has built in somebody's clone stays that somebody's.
give_back() { [ ! -d build ] || chown -R --reference=. build 2>/dev/null || :; }
