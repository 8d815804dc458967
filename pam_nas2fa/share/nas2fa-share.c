/* nas2fa-share USER ADDRESS SHARE: whether USER may open SHARE from ADDRESS; 0: yes.  SPDX-License-Identifier: Apache-2.0
 *
 * smbd runs it as a share's `root preexec`, at every connection to that share. What is asked is PAM's account phase, in a
 * folder of our own: no administrator's file and no /etc/pam.d/other can answer instead. */
#include <security/pam_appl.h>
#include <syslog.h>
#include <unistd.h>

#define CONFDIR "/usr/lib/nas2fa/pam.d"
#define UNUSED __attribute__((unused))

/* Nobody can be asked: the person is far away, and sees a folder open or not. */
static int no_answer(UNUSED int count, UNUSED const struct pam_message **messages,
		     struct pam_response **answers, UNUSED void *unused) {
	*answers = NULL;
	return PAM_CONV_ERR;
}

static int refused(const char *why) {
	syslog(LOG_NOTICE, "refused: %s", why);
	return 1;
}

int main(int argc, char **argv) {
	const struct pam_conv conversation = {no_answer, NULL};
	pam_handle_t *pamh = NULL;
	int r;

	openlog("nas2fa-share", LOG_PID, LOG_AUTHPRIV);
	if (getuid() != 0 || geteuid() != 0)
		return refused("not run by root: use `root preexec`, not `preexec`");
	if (argc != 4)
		return refused("the line in smb.conf must have three words: \"%u\" \"%I\" \"%S\"");
	for (int i = 1; i < argc; i++)
		if (*argv[i] == '\0')
			return refused("an empty word for user, address or share");
	r = pam_start_confdir("nas2fa-share", argv[1], &conversation, CONFDIR, &pamh);
	if (r != PAM_SUCCESS)
		return refused("no PAM in " CONFDIR);
	r = pam_set_item(pamh, PAM_RHOST, argv[2]);
	if (r == PAM_SUCCESS)
		r = pam_set_item(pamh, PAM_TTY, argv[3]);
	if (r == PAM_SUCCESS)
		r = pam_acct_mgmt(pamh, PAM_SILENT);
	if (r != PAM_SUCCESS)
		refused(pam_strerror(pamh, r));
	pam_end(pamh, r);
	return r == PAM_SUCCESS ? 0 : 1;
}
