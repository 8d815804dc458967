/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PAM application for tests: pamdrive CONFDIR SERVICE USER STEP...
 *
 *   auth | account | setcred   call libpam, print the step's name and the PAM code
 *   user=NAME rhost=HOST tty=TTY ruser=NAME env=NAME=VALUE   set before the next call
 *   answer=TEXT                answers the next question that has no standing answer
 *   answer-null, answer-fail   the same with a NULL answer, with PAM_CONV_ERR
 *   to:PROMPT=TEXT             a standing answer to every question with this text
 *   answer-high=TEXT           an answer whose bytes come with the top bit set, so that argv does not hold it
 *   after=FIFO                 answers no question before somebody has opened FIFO to write
 *   count-fds                  prints how many descriptors are open
 *   scan=TEXT                  prints how often such a text, with the top bits cleared, is in writable memory
 *   fds=N                      holds N descriptors open
 *
 * Prints a line for each message of the conversation (off, on, info, error), each line logged (log), and each
 * delay asked for (delay, in microseconds; not waited for). Bytes that are not printable ASCII come as \xNN.
 */
#include <fcntl.h>
#include <security/pam_appl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

struct script {
	char **standing, **queue;
	const char *after;
	int n_standing, n_queue, next;
};

static void say(const char *kind, const char *text) {
	printf("%s ", kind);
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~' || *p == '\\')
			printf("\\x%02x", *p);
		else
			putchar(*p);
	}
	putchar('\n');
	fflush(stdout);
}

void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...) {
	char line[8192];
	va_list args;

	(void)priority;
	(void)flag;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	say("log", line);
}

/* Returns "answer...", or what follows "to:PROMPT=". */
static const char *find_answer(struct script *s, const char *prompt) {
	size_t len = strlen(prompt);

	for (int i = 0; i < s->n_standing; i++)
		if (strncmp(s->standing[i] + 3, prompt, len) == 0 && s->standing[i][3 + len] == '=')
			return s->standing[i] + 3 + len + 1;
	if (s->next >= s->n_queue)
		return NULL;
	return strchr(s->queue[s->next++], 'r') + 1; /* "=TEXT", "-null", "-fail", "-high=TEXT" */
}

static void clear_top_bits(char *text) {
	for (; *text != '\0'; text++)
		*text &= 0x7f;
}

/* Compares without ever holding the text itself. */
static size_t count_in(const char *from, const char *to, const char *high) {
	size_t len = strlen(high), n = 0, i;

	for (; from + len <= to; from++) {
		for (i = 0; i < len && from[i] == (high[i] & 0x7f); i++)
			;
		n += i == len;
	}
	return n;
}

static void scan_memory(const char *high) {
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], *from, *to;
	size_t n = 0;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%p-%p rw", (void **)&from, (void **)&to) == 2 &&
		    strstr(line, " rw-p ") != NULL)
			n += count_in(from, to, high);
	if (maps != NULL)
		fclose(maps);
	printf("scan %zu\n", n);
}

static void count_descriptors(void) {
	int n = 0;

	for (int fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	printf("fds %d\n", n);
}

static int answer(struct script *s, const struct pam_message *m, struct pam_response *r) {
	static const char *const kinds[] = {NULL, "off", "on", "error", "info"};
	const char *text;

	say(kinds[m->msg_style], m->msg);
	if (m->msg_style != PAM_PROMPT_ECHO_OFF && m->msg_style != PAM_PROMPT_ECHO_ON)
		return PAM_SUCCESS;
	if (s->after != NULL)
		close(open(s->after, O_RDONLY));
	text = find_answer(s, m->msg);
	if (text == NULL || strcmp(text, "-fail") == 0)
		return PAM_CONV_ERR;
	if (strcmp(text, "-null") == 0)
		return PAM_SUCCESS;
	if (strncmp(text, "-high=", 6) == 0)
		clear_top_bits(r->resp = strdup(text + 6));
	else
		r->resp = strdup(*text == '=' ? text + 1 : text);
	return PAM_SUCCESS;
}

static int converse(int n, const struct pam_message **messages, struct pam_response **responses,
		    void *script) {
	struct pam_response *r = calloc((size_t)n, sizeof(*r));
	int code = PAM_SUCCESS;

	for (int i = 0; i < n && code == PAM_SUCCESS; i++)
		code = answer(script, messages[i], &r[i]);
	if (code == PAM_SUCCESS)
		*responses = r;
	else
		free(r);
	return code;
}

static void delay(int code, unsigned usec, void *script) {
	char text[16];

	(void)code;
	(void)script;
	if (usec == 0)
		return;
	snprintf(text, sizeof(text), "%u", usec);
	say("delay", text);
}

static void hold_descriptors(const char *many) {
	struct rlimit limit = {4096, 4096};
	int n = atoi(many);

	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < n; i++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			abort();
}

static const char *value(const char *step, const char *name) {
	size_t len = strlen(name);

	return strncmp(step, name, len) == 0 && step[len] == '=' ? step + len + 1 : NULL;
}

static int run(pam_handle_t *pamh, const char *step) {
	static const struct {
		const char *name;
		int item;
	} items[] = {{"user", PAM_USER}, {"rhost", PAM_RHOST}, {"tty", PAM_TTY}, {"ruser", PAM_RUSER}};

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		if (value(step, items[i].name) != NULL)
			return pam_set_item(pamh, items[i].item, value(step, items[i].name));
	if (value(step, "env") != NULL)
		return pam_putenv(pamh, value(step, "env"));
	if (value(step, "fds") != NULL)
		hold_descriptors(value(step, "fds"));
	else if (strcmp(step, "auth") == 0)
		printf("auth %d\n", pam_authenticate(pamh, 0));
	else if (strcmp(step, "account") == 0)
		printf("account %d\n", pam_acct_mgmt(pamh, 0));
	else if (strcmp(step, "setcred") == 0)
		printf("setcred %d\n", pam_setcred(pamh, PAM_ESTABLISH_CRED));
	else if (strcmp(step, "count-fds") == 0)
		count_descriptors();
	else if (value(step, "scan") != NULL)
		scan_memory(value(step, "scan"));
	else if (strncmp(step, "answer", 6) != 0 && strncmp(step, "to:", 3) != 0 &&
		 value(step, "after") == NULL)
		return PAM_SYSTEM_ERR;
	return PAM_SUCCESS;
}

int main(int argc, char **argv) {
	void (*on_delay)(int, unsigned, void *) = delay;
	struct script script = {.standing = calloc((size_t)argc + 1, sizeof(char *)),
				.queue = calloc((size_t)argc + 1, sizeof(char *))};
	struct pam_conv conv = {converse, &script};
	const void *delay_item = NULL;
	pam_handle_t *pamh = NULL;
	int code = 0;

	if (argc < 4 || pam_start_confdir(argv[2], argv[3], &conv, argv[1], &pamh) != PAM_SUCCESS)
		return 2;
	memcpy(&delay_item, &on_delay, sizeof(delay_item));
	pam_set_item(pamh, PAM_FAIL_DELAY, delay_item);
	for (int i = 4; i < argc; i++) {
		if (strncmp(argv[i], "to:", 3) == 0)
			script.standing[script.n_standing++] = argv[i];
		else if (strncmp(argv[i], "answer", 6) == 0)
			script.queue[script.n_queue++] = argv[i];
		else if (value(argv[i], "after") != NULL)
			script.after = value(argv[i], "after");
	}
	for (int i = 4; i < argc && code == PAM_SUCCESS; i++)
		code = run(pamh, argv[i]);
	pam_end(pamh, PAM_SUCCESS);
	free(script.standing);
	free(script.queue);
	return code == PAM_SUCCESS ? 0 : 2;
}
