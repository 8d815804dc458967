/* The entry points. Only a word of nas2fad opens anything.  SPDX-License-Identifier: Apache-2.0 */
#include "nas2fa.h"

#include <security/pam_ext.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static unsigned flag(const char *arg) {
	static const char *const names[] = {"debug", "guard", "split", "decoy", "pubkey"}; /* as the enum */

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(arg, names[i]) == 0)
			return 1U << i;
	return 0;
}

/* Nobody would notice a misspelt `guard` that guards nothing, so a line that is not understood refuses. */
static bool begin(struct call *c, pam_handle_t *pamh, int argc, const char **argv) {
	*c = (struct call){.pamh = pamh, .first = pam_getenv(pamh, "SSH_AUTH_INFO_0"), .fd = -1};
	c->socket = geteuid() == 0 ? "/run/nas2fa/login.sock" : "/run/nas2fa/user.sock";
	for (int i = 0; i < argc; i++) {
		c->args |= flag(argv[i]);
		if (strncmp(argv[i], "socket=/", 8) == 0) {
			c->socket = argv[i] + 7;
		} else if (flag(argv[i]) == 0) {
			pam_syslog(pamh, LOG_ERR, "unknown argument in the PAM stack: %s", argv[i]);
			return false;
		}
	}
	return true;
}

/* A name or host that does not fit is denied, not "unavailable", which an admin may have chosen to let pass. */
static int converse(struct call *c) {
	int r;

	if (!hello_find_user(c))
		return relay_verdict(c, "deny");
	if (!c->known && c->phase != PHASE_DECOY)
		return c->samba ? PAM_PERM_DENIED : PAM_USER_UNKNOWN; /* smbd makes it a guest */
	r = relay(c);
	if (c->fd >= 0)
		close(c->fd);
	pam_set_data(c->pamh, KEPT_CODE, NULL, NULL);
	return r;
}

/* A `pubkey` line is there for those whom sshd has let past "publickey ssh-ed25519 AAAA..." only. */
static bool stands_aside(const struct call *c) {
	return (c->args & ARG_PUBKEY) && (c->first == NULL || strncmp(c->first, "publickey ", 10) != 0);
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, UNUSED int flags, int argc, const char **argv) {
	struct call c;
	int r;

	pam_set_data(pamh, KEPT_VERIFIED, NULL, NULL);
	if (!begin(&c, pamh, argc, argv))
		return PAM_AUTH_ERR;
	if (stands_aside(&c))
		return PAM_IGNORE;
	c.phase = c.args & ARG_SPLIT ? PHASE_SPLIT : c.args & ARG_DECOY ? PHASE_DECOY : PHASE_AUTH;
	r = converse(&c);
	if ((r == PAM_SUCCESS || (r == PAM_IGNORE && c.phase == PHASE_AUTH)) &&
	    kept_set(&c, KEPT_VERIFIED, "") != PAM_SUCCESS)
		r = PAM_BUF_ERR;
	if (r == PAM_IGNORE && c.cut != 0)
		r = kept_split(&c);
	if ((c.args & ARG_PUBKEY) && r != PAM_SUCCESS && r != PAM_IGNORE)
		pam_fail_delay(pamh, 2000000); /* microseconds, as pam_unix has it after a wrong password */
	return r;
}

/* After auth on the same handle libpam walks the stack as auth went: SUCCESS here opens no line that refused.
 * Without auth (sshd's parent) this answer counts: IGNORE where auth gave no SUCCESS, else `success=done` skips
 * the credentials of the modules below; SUCCESS elsewhere, else a stack of this module alone fails here. */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, UNUSED int flags, int argc, const char **argv) {
	struct call c;

	if (!begin(&c, pamh, argc, argv))
		return PAM_CRED_ERR;
	return stands_aside(&c) || (c.args & (ARG_SPLIT | ARG_DECOY)) ? PAM_IGNORE : PAM_SUCCESS;
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, UNUSED int flags, int argc, const char **argv) {
	struct call c;

	if (!begin(&c, pamh, argc, argv))
		return PAM_SYSTEM_ERR;
	c.phase = c.args & ARG_GUARD ? PHASE_GUARD : PHASE_ACCOUNT;
	return converse(&c);
}
