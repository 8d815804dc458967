/* Who logs in and from where: the first packet.  SPDX-License-Identifier: Apache-2.0 */
#include "nas2fa.h"

#include <security/pam_modutil.h>
#include <stdio.h>
#include <string.h>

enum { USER_MAX = 256, FIRST_MAX = 1600 };

const char *hello_item(const struct call *c, int type) {
	const void *text = NULL;

	return pam_get_item(c->pamh, type, &text) == PAM_SUCCESS && text != NULL ? text : "";
}

/* The name service is asked here: a hung directory may stop this one login, never nas2fad's loop. */
bool hello_find_user(struct call *c) {
	const char *service = hello_item(c, PAM_SERVICE);
	const struct passwd *pw;

	if (pam_get_user(c->pamh, &c->user, NULL) != PAM_SUCCESS || c->user == NULL)
		return false;
	pw = pam_modutil_getpwnam(c->pamh, c->user);
	c->known = pw != NULL;
	c->uid = pw != NULL ? pw->pw_uid : (uid_t)-1;
	c->user = pw != NULL ? pw->pw_name : c->user;
	c->samba = strcmp(service, "samba") == 0 || strcmp(service, "nas2fa-share") == 0;
	return strlen(c->user) <= USER_MAX;
}

/* A key of RSA-8192 fits. A certificate may be over 4 kB; cut, it matches no exemption. Others go whole or not. */
bool hello_send(struct call *c) {
	static const char *const phases[PHASES] = {"auth", "account", "guard", "split", "decoy"};
	char packet[WIRE_PACKET_MAX], uid[16] = "";
	bool verified = c->known && kept_get(c, KEPT_VERIFIED) != NULL, fits;
	int len;

	if (c->known)
		snprintf(uid, sizeof(uid), "%ju", (uintmax_t)c->uid);
	len = snprintf(packet, sizeof(packet), "H1%s%c%s%c%s%c%s%c%s%c%s%c%s%c%.*s%c%s%c", phases[c->phase],
		       0, hello_item(c, PAM_SERVICE), 0, uid, 0, c->user, 0, hello_item(c, PAM_RHOST), 0,
		       hello_item(c, PAM_TTY), 0, hello_item(c, PAM_RUSER), 0, FIRST_MAX,
		       c->first != NULL ? c->first : "", 0, verified ? "1" : "", 0);
	fits = len > 0 && (size_t)len < sizeof(packet);
	if (fits)
		wire_send(c, packet, (size_t)len);
	return fits;
}
