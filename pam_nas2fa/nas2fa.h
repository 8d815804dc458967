/* One call of libpam into the module.  SPDX-License-Identifier: Apache-2.0 */
#ifndef NAS2FA_H
#define NAS2FA_H

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define UNUSED __attribute__((unused))
#define EXPORT __attribute__((visibility("default")))

#ifndef NAS2FA_HURRY
#define NAS2FA_HURRY 1 /* the tests also build a module that loses patience this many times sooner */
#endif

enum {
	WIRE_PACKET_MAX = 4096,
	WIRE_FIRST_MS = 10000 / NAS2FA_HURRY, /* to connect; for the first word: cold start on a slow NAS */
	WIRE_NEXT_MS = 5000 / NAS2FA_HURRY,   /* for each later word */
	WIRE_SAMBA_MS = 4000 / NAS2FA_HURRY,  /* for the whole call in samba, where nobody is asked */
	CODE_MAX = 8,                         /* digits cut off a password */
};

enum phase { PHASE_AUTH, PHASE_ACCOUNT, PHASE_GUARD, PHASE_SPLIT, PHASE_DECOY, PHASES };
enum argument { ARG_DEBUG = 1, ARG_GUARD = 2, ARG_SPLIT = 4, ARG_DECOY = 8, ARG_PUBKEY = 16 };

struct call {
	pam_handle_t *pamh;
	const char *socket;
	const char *first; /* SSH_AUTH_INFO_0: what sshd has let past already; NULL when it does not say */
	unsigned args;     /* of the line in the PAM stack */
	enum phase phase;
	const char *user; /* canonical; as typed when the box does not know it */
	uid_t uid;
	bool known, samba, code_sent; /* the last: what was cut off the password */
	int fd;
	int64_t patience, limit; /* milliseconds for the next packet; CLOCK_MONOTONIC for the whole call */
	char last_sent;          /* 'H', then an answer's type; 'X' also when the daemon did not get it */
	size_t cut;              /* from the daemon's 't'; 0 cuts nothing */
};

int wire_open(struct call *c); /* a negative errno on failure, as wire_receive */
void wire_send(struct call *c, const char *packet, size_t len);
ssize_t wire_receive(struct call *c, char packet[WIRE_PACKET_MAX]);

const char *hello_item(const struct call *c, int type); /* of PAM; "" when unset */
bool hello_find_user(struct call *c); /* false when the daemon cannot be told of this user, as hello_send */
bool hello_send(struct call *c);

int relay(struct call *c); /* opens c->fd; the PAM code of the call, as relay_verdict */
int relay_verdict(const struct call *c, const char *word);

/* What stays in the PAM handle for c->uid; NULL for any other. Verified: a code was, or policy asked none. */
#define KEPT_VERIFIED "nas2fa_verified"
#define KEPT_CODE "nas2fa_code"
int kept_set(const struct call *c, const char *name, const char *code);
const char *kept_get(const struct call *c, const char *name);
int kept_split(const struct call *c);

#endif
