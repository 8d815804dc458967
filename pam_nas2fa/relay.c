/* What the daemon asks or tells goes to the application, up to its verdict.  SPDX-License-Identifier: Apache-2.0 */
#include "nas2fa.h"

#include <errno.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <shadow.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

enum { TOLD_MAX = 4000, GROUPS_MAX = 64 };

/* `pass` (policy asks no code) is not SUCCESS: on a `sufficient` line that would let people in with nothing. */
static const struct {
	const char *word;
	int code[PHASES];
} verdicts[] = {
	/* clang-format off */
	/*              auth                  account           guard             split                 decoy */
	{"allow",       {PAM_SUCCESS,          PAM_SUCCESS,      PAM_SUCCESS,      PAM_AUTHINFO_UNAVAIL, PAM_AUTH_ERR}},
	{"pass",        {PAM_IGNORE,           PAM_PERM_DENIED,  PAM_PERM_DENIED,  PAM_IGNORE,           PAM_AUTH_ERR}},
	{"ignore",      {PAM_AUTH_ERR,         PAM_IGNORE,       PAM_IGNORE,       PAM_AUTHINFO_UNAVAIL, PAM_AUTH_ERR}},
	{"deny",        {PAM_AUTH_ERR,         PAM_PERM_DENIED,  PAM_PERM_DENIED,  PAM_AUTH_ERR,         PAM_AUTH_ERR}},
	{"locked",      {PAM_MAXTRIES,         PAM_PERM_DENIED,  PAM_PERM_DENIED,  PAM_AUTHINFO_UNAVAIL, PAM_AUTH_ERR}},
	{"expired",     {PAM_ACCT_EXPIRED,     PAM_ACCT_EXPIRED, PAM_ACCT_EXPIRED, PAM_AUTHINFO_UNAVAIL, PAM_AUTH_ERR}},
	{"hidden",      {PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL, PAM_AUTH_ERR}},
	{"unavailable", {PAM_AUTHINFO_UNAVAIL, PAM_SYSTEM_ERR,   PAM_SYSTEM_ERR,   PAM_AUTHINFO_UNAVAIL, PAM_AUTH_ERR}},
	{NULL,          {PAM_AUTH_ERR,         PAM_PERM_DENIED,  PAM_PERM_DENIED,  PAM_AUTHINFO_UNAVAIL, PAM_AUTH_ERR}},
	/* clang-format on */
};

/* After a last answer of 'P' or 'X' nothing was verified: no word of the daemon opens anything then. */
static bool unproven(const struct call *c) {
	return c->last_sent == 'P' || c->last_sent == 'X';
}

int relay_verdict(const struct call *c, const char *word) {
	size_t i = 0;
	int code;

	while (verdicts[i].word != NULL && strcmp(word, verdicts[i].word) != 0)
		i++;
	code = verdicts[i].code[c->phase];
	if ((unproven(c) && (code == PAM_SUCCESS || code == PAM_IGNORE)) ||
	    (c->samba && c->phase != PHASE_AUTH && code == PAM_IGNORE)) /* the next line would decide alone */
		return relay_verdict(c, "deny");
	return code;
}

static void send_answer(struct call *c, char type, const char *answer, size_t len) {
	char packet[1 + PAM_MAX_RESP_SIZE];

	packet[0] = len < PAM_MAX_RESP_SIZE ? type : 'X';
	len = len < PAM_MAX_RESP_SIZE ? len : 0;
	memcpy(packet + 1, answer, len);
	wire_send(c, packet, 1 + len);
	if (c->args & ARG_DEBUG)
		pam_syslog(c->pamh, LOG_DEBUG, "sent '%c'", packet[0]);
	explicit_bzero(packet, sizeof(packet));
}

/* sshd's `password` method answers every question with the text of the password field, with or without code. */
static bool is_password(const struct call *c, const char *answer) {
	const char *code = kept_get(c, KEPT_CODE), *password = hello_item(c, PAM_AUTHTOK);
	size_t len = strlen(password);

	return len > 0 && strncmp(answer, password, len) == 0 &&
	       (!answer[len] || (code && strcmp(answer + len, code) == 0));
}

static void ask(struct call *c, int style, const char *question) {
	char *answer = NULL;

	if (pam_prompt(c->pamh, style, &answer, "%s", question) != PAM_SUCCESS || answer == NULL)
		send_answer(c, 'X', "", 0);
	else if (is_password(c, answer))
		send_answer(c, 'P', "", 0);
	else
		send_answer(c, 'R', answer, strlen(answer));
	if (answer != NULL)
		explicit_bzero(answer, strlen(answer));
	free(answer);
}

/* The name service is asked for nas2fad, as in hello_find_user. False: too many names. */
static bool tell_groups(struct call *c, char *names) {
	char member[GROUPS_MAX], *name;
	size_t n = 0;

	while ((name = strsep(&names, ":")) != NULL && n < GROUPS_MAX)
		member[n++] = pam_modutil_user_in_group_nam_nam(c->pamh, c->user, name) ? '1' : '0';
	if (name == NULL)
		send_answer(c, 'G', member, n);
	return name == NULL;
}

/* The salt is new with each password, and no secret. It ends at the last '$', in bcrypt 22 characters later. */
static void tell_version(struct call *c) {
	const struct spwd *shadow = pam_modutil_getspnam(c->pamh, c->user);
	const char *stored = shadow != NULL ? shadow->sp_pwdp : "", *hash = strrchr(stored, '$');
	size_t len = hash != NULL ? (size_t)(hash + 1 - stored) : 0;

	if (strncmp(stored + strspn(stored, "!"), "$2", 2) == 0)
		len += strnlen(stored + len, 22);
	send_answer(c, 'K', stored, len);
}

/* False: not in the protocol. An application that cannot show a line may still ask: `i` and `e` never fail. */
static bool relay_message(struct call *c, char type, char *text, size_t len) {
	bool question = (type == 's' || type == 'o') && len < PAM_MAX_MSG_SIZE && c->last_sent != 'X';
	const char *code = kept_get(c, KEPT_CODE);

	if (question && code != NULL && !c->code_sent) {
		/* Typed with the password. The decoy is there for a wrong one, and must not send its code. */
		send_answer(c, 'R', code, c->phase == PHASE_DECOY ? 0 : strlen(code));
		c->code_sent = true;
	} else if (question) {
		ask(c, type == 's' ? PAM_PROMPT_ECHO_OFF : PAM_PROMPT_ECHO_ON, text);
	} else if ((type == 'i' || type == 'e') && len <= TOLD_MAX) {
		pam_prompt(c->pamh, type == 'i' ? PAM_TEXT_INFO : PAM_ERROR_MSG, NULL, "%s", text);
	} else if (type == 't' && c->phase == PHASE_SPLIT && c->cut == 0 && len == 1 &&
		   strchr("678", *text)) {
		c->cut = (size_t)(*text - '0');
	} else if (type == 'k' && len == 0 && !unproven(c)) {
		tell_version(c);
	} else {
		return type == 'g' && !unproven(c) && tell_groups(c, text);
	}
	return true;
}

int relay(struct call *c) {
	char packet[WIRE_PACKET_MAX + 1];
	ssize_t len = wire_open(c);

	if (len == 0 && !hello_send(c))
		return relay_verdict(c, "deny");
	for (int i = 0; len >= 0 && i < PAM_MAX_NUM_MSG; i++) {
		len = wire_receive(c, packet);
		if (len < 0)
			break;
		packet[len] = '\0';
		if (c->args & ARG_DEBUG)
			pam_syslog(c->pamh, LOG_DEBUG, "got 0x%02x", (unsigned char)packet[0]);
		if (strlen(packet) != (size_t)len) /* "Vallow\0..." must not read as "Vallow" */
			break;
		if (packet[0] == 'V')
			return relay_verdict(c, packet + 1);
		if (!relay_message(c, packet[0], packet + 1, (size_t)len - 1))
			break;
	}
	pam_syslog(c->pamh, LOG_ERR, "no verdict from %s: %s", c->socket,
		   strerror(len < 0 ? (int)-len : EPROTO));
	/* Where somebody is at a prompt; after a wrong password too, or the decoy would tell which one is right. */
	if (!c->samba && (c->phase == PHASE_AUTH || c->phase == PHASE_DECOY))
		pam_error(c->pamh, "%s", "Two-step verification does not answer. Tell the administrator.");
	return relay_verdict(c, "unavailable");
}
