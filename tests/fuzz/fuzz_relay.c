/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: one call into the module, with a daemon and an application that are both the fuzzer's input.
 *
 *   byte 0   bits 0-4: debug guard split decoy pubkey; bit 5: account, not auth; bit 6: a code is kept from a split line;
 *            bit 7: the user is unknown
 *   byte 1   bit 0: a password is set; bit 1: a key came first; bit 2: samba; bit 3: the daemon does not read;
 *            bit 4: there is no shadow entry
 *   then records, each a type, a length (two bytes, little endian) and so many bytes:
 *            'd' a packet of the daemon;  'a' an answer of the application, 'n' a NULL one, 'c' a PAM_CONV_ERR;
 *            'h' the stored password
 *
 * wire_open gives one end of a socket pair whose other end has sent everything already: so nothing ever waits,
 * and the code that runs is the module's, down to poll() and recv(). What must hold is in judge().
 */
#include "nas2fa.h"

#include <assert.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <shadow.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEPT_MAX = 2, HELLO_FIELDS = 9, SENT_MAX = 40 };

static struct world {
	const uint8_t *input;
	size_t size, answers_at;
	uint8_t args, setting;
	char *password, *stored;
	int daemon;
	struct {
		const char *name;
		void *data;
		void (*cleanup)(pam_handle_t *, void *, int);
	} kept[KEPT_MAX];
} w;

static char handle[1];
static pam_handle_t *const PAMH = (pam_handle_t *)handle;

/* The next record at or after *at with one of these types; NULL at the end of the input. */
static const uint8_t *next_record(size_t *at, const char *types, size_t *len) {
	while (w.size - *at >= 3) {
		const uint8_t *r = w.input + *at;

		*len = (size_t)r[1] | (size_t)r[2] << 8;
		if (*len > w.size - *at - 3)
			*len = w.size - *at - 3;
		*at += 3 + *len;
		if (r[0] != '\0' && strchr(types, r[0]) != NULL)
			return r;
	}
	return NULL;
}

int __wrap_wire_open(struct call *c);
int __wrap_wire_open(struct call *c) {
	size_t at = 2, len;
	const uint8_t *r;
	int ends[2];

	assert(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
	c->fd = ends[0];
	w.daemon = ends[1];
	c->patience = WIRE_FIRST_MS;
	c->limit = INT64_MAX;
	for (int i = 0; i < SENT_MAX && (r = next_record(&at, "d", &len)) != NULL; i++)
		(void)send(w.daemon, r + 3, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(w.daemon, w.setting & 8 ? SHUT_RDWR : SHUT_WR);
	return 0;
}

int __wrap_pam_prompt(pam_handle_t *pamh, int style, char **response, const char *format, ...);
int __wrap_pam_prompt(pam_handle_t *pamh, int style, char **response, const char *format, ...) {
	const char *text;
	const uint8_t *r;
	va_list list;
	size_t len;

	assert(pamh == PAMH && strcmp(format, "%s") == 0);
	va_start(list, format);
	text = va_arg(list, const char *);
	va_end(list);
	if (style == PAM_TEXT_INFO || style == PAM_ERROR_MSG) {
		assert(response == NULL && strlen(text) <= 4000);
		return PAM_SUCCESS;
	}
	assert(strlen(text) < PAM_MAX_MSG_SIZE);
	r = next_record(&w.answers_at, "anc", &len);
	if (r == NULL || r[0] == 'c')
		return PAM_CONV_ERR;
	if (r[0] == 'a')
		*response = strndup((const char *)r + 3, len);
	return PAM_SUCCESS;
}

int __wrap_pam_get_item(const pam_handle_t *pamh, int type, const void **item);
int __wrap_pam_get_item(const pam_handle_t *pamh, int type, const void **item) {
	assert(pamh == PAMH);
	*item = type == PAM_AUTHTOK   ? w.password
		: type == PAM_SERVICE ? (w.setting & 4 ? "samba" : "sshd")
				      : NULL;
	return PAM_SUCCESS;
}

int __wrap_pam_set_item(pam_handle_t *pamh, int type, const void *item);
int __wrap_pam_set_item(pam_handle_t *pamh, int type, const void *item) {
	char *copy = strdup(item);

	assert(pamh == PAMH && type == PAM_AUTHTOK);
	free(w.password);
	w.password = copy;
	return PAM_SUCCESS;
}

int __wrap_pam_get_authtok(pam_handle_t *pamh, int item, const char **token, const char *prompt);
int __wrap_pam_get_authtok(pam_handle_t *pamh, int item, const char **token, const char *prompt) {
	size_t len;
	const uint8_t *r = w.password == NULL ? next_record(&w.answers_at, "a", &len) : NULL;

	assert(pamh == PAMH && item == PAM_AUTHTOK && prompt == NULL);
	if (r != NULL)
		w.password = strndup((const char *)r + 3, len);
	*token = w.password;
	return w.password != NULL ? PAM_SUCCESS : PAM_AUTH_ERR;
}

int __wrap_pam_get_user(pam_handle_t *pamh, const char **user, const char *prompt);
int __wrap_pam_get_user(pam_handle_t *pamh, const char **user, const char *prompt) {
	assert(pamh == PAMH && prompt == NULL);
	*user = "alice";
	return PAM_SUCCESS;
}

struct passwd *__wrap_pam_modutil_getpwnam(pam_handle_t *pamh, const char *user);
struct passwd *__wrap_pam_modutil_getpwnam(pam_handle_t *pamh, const char *user) {
	static char name[] = "alice";
	static struct passwd alice = {.pw_name = name, .pw_uid = 1000};

	assert(pamh == PAMH && strcmp(user, name) == 0);
	return w.args & 0x80 ? NULL : &alice;
}

struct spwd *__wrap_pam_modutil_getspnam(pam_handle_t *pamh, const char *user);
struct spwd *__wrap_pam_modutil_getspnam(pam_handle_t *pamh, const char *user) {
	static struct spwd shadow;
	size_t at = 2, len = 0;
	const uint8_t *r = next_record(&at, "h", &len);

	assert(pamh == PAMH && strcmp(user, "alice") == 0);
	free(w.stored);
	w.stored = strndup(r != NULL ? (const char *)r + 3 : "", len);
	shadow.sp_pwdp = w.stored;
	return w.setting & 16 ? NULL : &shadow;
}

int __wrap_pam_modutil_user_in_group_nam_nam(pam_handle_t *pamh, const char *user, const char *group);
int __wrap_pam_modutil_user_in_group_nam_nam(pam_handle_t *pamh, const char *user, const char *group) {
	assert(pamh == PAMH && strcmp(user, "alice") == 0 && strchr(group, ':') == NULL);
	return strcmp(group, "sudo") == 0;
}

const char *__wrap_pam_getenv(pam_handle_t *pamh, const char *name);
const char *__wrap_pam_getenv(pam_handle_t *pamh, const char *name) {
	assert(pamh == PAMH && strcmp(name, "SSH_AUTH_INFO_0") == 0);
	return w.setting & 2 ? "publickey ssh-ed25519 AAAA" : NULL;
}

int __wrap_pam_get_data(const pam_handle_t *pamh, const char *name, const void **data);
int __wrap_pam_get_data(const pam_handle_t *pamh, const char *name, const void **data) {
	assert(pamh == PAMH);
	for (int i = 0; i < KEPT_MAX; i++) {
		if (w.kept[i].name != NULL && strcmp(w.kept[i].name, name) == 0) {
			*data = w.kept[i].data;
			return PAM_SUCCESS;
		}
	}
	return PAM_NO_MODULE_DATA;
}

int __wrap_pam_set_data(pam_handle_t *pamh, const char *name, void *data,
			void (*cleanup)(pam_handle_t *, void *, int));
int __wrap_pam_set_data(pam_handle_t *pamh, const char *name, void *data,
			void (*cleanup)(pam_handle_t *, void *, int)) {
	int i = strcmp(name, KEPT_CODE) == 0;

	assert(pamh == PAMH);
	if (w.kept[i].cleanup != NULL)
		w.kept[i].cleanup(pamh, w.kept[i].data, 0);
	w.kept[i].name = name;
	w.kept[i].data = data;
	w.kept[i].cleanup = cleanup;
	return PAM_SUCCESS;
}

void __wrap_pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...);
void __wrap_pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...) {
	char line[1024];
	va_list list;

	(void)priority;
	assert(pamh == PAMH);
	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
}

int __wrap_pam_fail_delay(pam_handle_t *pamh, unsigned usec);
int __wrap_pam_fail_delay(pam_handle_t *pamh, unsigned usec) {
	assert(pamh == PAMH && usec > 0);
	return PAM_SUCCESS;
}

/* Did the daemon, among its first 32 packets, say just this word? */
static bool daemon_said(const char *word) {
	size_t at = 2, len;
	const uint8_t *r;

	while ((r = next_record(&at, "d", &len)) != NULL)
		if (len == strlen(word) && memcmp(r + 3, word, len) == 0)
			return true;
	return false;
}

/* Of the stored password its beginning, up to a '$'; in bcrypt and no other with so much of what follows. */
static void check_version(const char *version, size_t len) {
	const char *last = w.stored != NULL ? strrchr(w.stored, '$') : NULL;
	size_t salt = last != NULL ? (size_t)(last + 1 - w.stored) : 0;

	assert(len == 0 || (w.stored != NULL && memcmp(version, w.stored, len) == 0));
	assert(len <= salt || (strstr(w.stored, "$2") != NULL && len <= salt + 22));
}

/* Reads what the module sent. Returns the type of the last packet, 0 if it sent none. */
static char check_sent(void) {
	static char packet[8192 + 1];
	char last = '\0';
	ssize_t len;
	int zeros = 0;

	/* The first error tells that the module left with packets unread; what it sent comes after. */
	(void)recv(w.daemon, packet, sizeof(packet), MSG_DONTWAIT | MSG_PEEK);
	while ((len = recv(w.daemon, packet, sizeof(packet) - 1, MSG_DONTWAIT)) > 0) {
		packet[len] = '\0';
		assert(len <= WIRE_PACKET_MAX);
		if (last == '\0') {
			for (ssize_t i = 0; i < len; i++)
				zeros += packet[i] == '\0';
			assert(memcmp(packet, "H1", 2) == 0 && packet[len - 1] == '\0' &&
			       zeros == HELLO_FIELDS);
		} else {
			assert(last != 'X'); /* nothing follows an X */
			assert(strchr("RGKPX", packet[0]) != NULL && len <= PAM_MAX_RESP_SIZE);
			assert(strchr("RGK", packet[0]) != NULL || len == 1);
			assert(strchr("GK", packet[0]) == NULL ||
			       last != 'P'); /* what was not proved stays so */
			if (packet[0] == 'G')
				assert(len > 1 && strspn(packet + 1, "01") >= (size_t)len - 1);
			if (packet[0] == 'K')
				check_version(packet + 1, (size_t)len - 1);
		}
		last = packet[0];
	}
	return last;
}

/* Nothing opens but by the daemon's own word, in the phase it is for, with no P or X as the last answer. */
static void judge(int code, bool account) {
	char last = w.daemon >= 0 ? check_sent() : '\0';
	bool proven = last != '\0' && strchr("HRGK", last) != NULL;
	bool decoy = w.args & ARG_DECOY && !account, split = w.args & ARG_SPLIT && !account;

	assert(code >= PAM_SUCCESS && code < _PAM_RETURN_VALUES);
	if (code == PAM_SUCCESS)
		assert(daemon_said("Vallow") && proven && !(decoy && !split) && !split);
	if (code == PAM_IGNORE && w.daemon >= 0) {
		assert(proven);
		assert(account ? daemon_said("Vignore") : daemon_said("Vpass") && !(decoy && !split));
	}
	if (code == PAM_IGNORE && w.daemon < 0)
		assert(w.args & ARG_PUBKEY && !account && !(w.setting & 2));
}

static int call_module(bool account) {
	static const char *const names[] = {"debug", "guard", "split", "decoy", "pubkey"};
	const char *argv[6] = {"socket=/nowhere"};
	int argc = 1;

	for (int i = 0; i < 5; i++)
		if (w.args & (1 << i))
			argv[argc++] = names[i];
	return account ? pam_sm_acct_mgmt(PAMH, 0, argc, argv) : pam_sm_authenticate(PAMH, 0, argc, argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct call keeper = {.pamh = PAMH, .uid = 1000};
	bool account;

	if (size < 2)
		return 0;
	memset(&w, 0, sizeof(w));
	w.input = data;
	w.size = size;
	w.args = data[0];
	w.setting = data[1];
	w.answers_at = 2;
	w.daemon = -1;
	w.password = w.setting & 1 ? strdup("secret") : NULL;
	if (w.args & 0x40)
		kept_set(&keeper, KEPT_CODE, "271828");
	account = w.args & 0x20;
	judge(call_module(account), account);
	for (int i = 0; i < KEPT_MAX; i++)
		if (w.kept[i].name != NULL)
			__wrap_pam_set_data(PAMH, w.kept[i].name, NULL, NULL);
	free(w.password);
	free(w.stored);
	if (w.daemon >= 0)
		close(w.daemon);
	return 0;
}
