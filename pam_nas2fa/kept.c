/* What one line of the stack leaves in the handle for another.  SPDX-License-Identifier: Apache-2.0 */
#include "nas2fa.h"

#include <security/pam_ext.h>
#include <stdlib.h>
#include <string.h>

struct kept {
	uid_t uid; /* PAM_USER may change between two calls on one handle */
	char code[CODE_MAX + 1];
};

static void wipe(UNUSED pam_handle_t *pamh, void *kept, UNUSED int status) {
	explicit_bzero(kept, sizeof(struct kept));
	free(kept);
}

int kept_set(const struct call *c, const char *name, const char *code) {
	struct kept *kept = calloc(1, sizeof(*kept));
	int r;

	if (kept == NULL)
		return PAM_BUF_ERR;
	kept->uid = c->uid;
	strncpy(kept->code, code, CODE_MAX);
	r = pam_set_data(c->pamh, name, kept, wipe);
	if (r != PAM_SUCCESS)
		wipe(c->pamh, kept, 0);
	return r;
}

const char *kept_get(const struct call *c, const char *name) {
	const void *data = NULL;
	const struct kept *kept = pam_get_data(c->pamh, name, &data) == PAM_SUCCESS ? data : NULL;

	return kept != NULL && kept->uid == c->uid ? kept->code : NULL;
}

/* Password and code in one field: cut before pam_unix, so no code is tried before the password is right. */
int kept_split(const struct call *c) {
	char password[PAM_MAX_RESP_SIZE] = "";
	const char *typed = NULL;
	size_t at;
	int r;

	if (pam_get_authtok(c->pamh, PAM_AUTHTOK, &typed, NULL) != PAM_SUCCESS || typed == NULL)
		return PAM_AUTHINFO_UNAVAIL;
	at = strlen(typed) - c->cut;
	if (at >= sizeof(password) || strspn(typed + at, "0123456789") != c->cut)
		return PAM_IGNORE; /* too short, too long, or no code at its end */
	memcpy(password, typed, at);
	r = kept_set(c, KEPT_CODE, typed + at);
	if (r == PAM_SUCCESS)
		r = pam_set_item(c->pamh, PAM_AUTHTOK, password);
	explicit_bzero(password, sizeof(password));
	return r == PAM_SUCCESS ? PAM_IGNORE : PAM_AUTHINFO_UNAVAIL;
}
