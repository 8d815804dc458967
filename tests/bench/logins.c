/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timed logins: logins CONFDIR SERVICE PROCESSES FIRST COUNT CODE...
 *
 * PROCESSES processes log in COUNT users each, the users being bench<FIRST>, bench<FIRST+1> ... With every CODE in turn
 * all users log in once, and only the last turn is timed: what comes before makes a user one who logged in a moment ago.
 * Prints the time of that turn for all processes together (wall N), then of each login from pam_start to pam_end,
 * both in nanoseconds. Exit status 1, naming the PAM code, when a login was refused.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { UID_BASE = 100000 };

struct plan {
	const char *confdir, *service;
	int processes, first, count, codes;
	char **code;
};

static int64_t now_ns(void) {
	struct timespec t = {0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Linked with -rdynamic, so that libpam finds this one: the users exist for this program alone. The box's own name
 * service is asked all the same, since every login pays for that. */
int getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t len, struct passwd **result) {
	int (*real)(const char *, struct passwd *, char *, size_t, struct passwd **) = NULL;
	void *symbol = dlsym(RTLD_NEXT, "getpwnam_r");
	size_t own = strlen(name) + 1; /* kept free at the end of buf */
	int number, r;

	memcpy(&real, &symbol, sizeof(real));
	if (sscanf(name, "bench%d", &number) != 1)
		return real(name, pw, buf, len, result);
	r = own < len ? real("root", pw, buf, len - own, result) : ERANGE;
	if (r == 0 && *result != NULL) {
		pw->pw_uid = (uid_t)(UID_BASE + number);
		pw->pw_name = strcpy(buf + len - own, name);
	}
	return r;
}

/* What is logged goes to standard error, a file, where nas2fad --root has its records too: a box without /dev/log
 * would have it on its console, which takes longer than the login. libpam and pam_google_authenticator call these. */
void __vsyslog_chk(int priority, int flag, const char *format, va_list args);
void __vsyslog_chk(int priority, int flag, const char *format, va_list args) {
	char line[1024];
	int len = vsnprintf(line, sizeof(line), format, args);

	(void)priority;
	(void)flag;
	if (len > 0 && len < (int)sizeof(line)) {
		line[len] = '\n';
		len = (int)write(STDERR_FILENO, line, (size_t)len + 1);
	}
}

void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...) {
	va_list args;

	va_start(args, format);
	__vsyslog_chk(priority, flag, format, args);
	va_end(args);
}

static int converse(int n, const struct pam_message **messages, struct pam_response **responses, void *code) {
	*responses = calloc((size_t)n, sizeof(**responses));
	for (int i = 0; i < n; i++)
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF ||
		    messages[i]->msg_style == PAM_PROMPT_ECHO_ON)
			(*responses)[i].resp = strdup(code);
	return PAM_SUCCESS;
}

static int64_t login(const struct plan *plan, int number, char *code) {
	const struct pam_conv conv = {converse, code};
	pam_handle_t *pamh = NULL;
	int64_t began;
	char user[32];
	int r;

	snprintf(user, sizeof(user), "bench%d", number);
	began = now_ns();
	r = pam_start_confdir(plan->service, user, &conv, plan->confdir, &pamh);
	if (r == PAM_SUCCESS)
		r = pam_authenticate(pamh, 0);
	pam_end(pamh, r);
	began = now_ns() - began;
	if (r != PAM_SUCCESS) {
		fprintf(stderr, "%s refused %s: PAM code %d\n", plan->service, user, r);
		_exit(1);
	}
	return began;
}

/* One process: it says when it is ready for the timed turn, and begins when all are. */
static void run(const struct plan *plan, int me, int ready, int go, int64_t *took) {
	int first = plan->first + me * plan->count;
	char byte = 0;

	for (int c = 0; c < plan->codes - 1; c++)
		for (int i = 0; i < plan->count; i++)
			login(plan, first + i, plan->code[c]);
	if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 0)
		_exit(1);
	for (int i = 0; i < plan->count; i++)
		took[me * plan->count + i] = login(plan, first + i, plan->code[plan->codes - 1]);
	_exit(0);
}

int main(int argc, char **argv) {
	struct plan plan;
	int ready[2], go[2], failed = 0, status;
	int64_t *took, began;
	char byte;

	if (argc < 7 || pipe(ready) != 0 || pipe(go) != 0)
		return 2;
	plan = (struct plan){argv[1],       argv[2],  atoi(argv[3]), atoi(argv[4]),
			     atoi(argv[5]), argc - 6, argv + 6};
	took = mmap(NULL, (size_t)(plan.processes * plan.count) * sizeof(*took), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (took == MAP_FAILED)
		return 2;
	for (int p = 0; p < plan.processes; p++) {
		if (fork() == 0) {
			close(ready[0]);
			close(go[1]);
			run(&plan, p, ready[1], go[0], took);
		}
	}
	close(ready[1]);
	for (int p = 0; p < plan.processes && read(ready[0], &byte, 1) == 1; p++)
		;
	began = now_ns();
	close(go[1]);
	while (wait(&status) > 0)
		failed |= status != 0;
	printf("wall %jd\n", (intmax_t)(now_ns() - began));
	for (int i = 0; i < plan.processes * plan.count; i++)
		printf("%jd\n", (intmax_t)took[i]);
	return failed;
}
