/* doctor_files.c - who may read and write what is on disk, and the clock. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/timex.h>

#include "base/mem.h"
#include "ctl/backup.h"
#include "ctl/client.h"
#include "ctl/doctor.h"
#include "svc/certificates.h"

/* Nobody may have more than mode says: 0 when that holds, or it is not there. */
static unsigned
check(const char *path, mode_t mode, const char *why)
{
	const char *remedy;
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		doctor_say(FINDING_WARN, "files", "run gkmail doctor as root",
		    "%s cannot be looked at: %m", path);
		return 1;
	}
	if ((st.st_mode & 07777 & ~mode) == 0)
		return 0;
	remedy =
	    arena_printf(&ctl.arena, "chmod %o %s", (unsigned)(st.st_mode & 07777 & mode), path).p;
	doctor_say(FINDING_FAIL, "files", remedy, "%s has mode %o: %s", path,
	    (unsigned)(st.st_mode & 07777), why);
	return 1;
}

int
doctor_files(struct err *e)
{
	static const struct {
		const char *below;
		mode_t mode;
		const char *why;
	} all[] = {
	    {"auth", 0700, "others could read or change accounts"},
	    {"auth/accounts.db", 0600, "others could read the passwords' hashes"},
	    {"spool", 0700, "others could read mail that waits"},
	    {"mail", 0750, "others could read mail"},
	    {"dkim", 0700, "others could sign as us"},
	    {"tls/self-signed.key", 0600, "others could read the key of the certificate"},
	    {"tls/acme.pem", 0600, "others could read the key of the certificate"},
	    {"tls/acme-account.pem", 0600, "others could have certificates issued, or revoked"},
	};
	const struct conf *c = client_conf(e);
	const char *backups;
	char path[PATH_MAX];
	unsigned bad = 0;

	if (c == NULL)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		snprintf(
		    path, sizeof(path), "%s/%s", conf_z(c, CONF_SERVER_DATA_DIR), all[i].below);
		bad += check(path, all[i].mode, all[i].why);
	}
	for (size_t i = 0; i < certificates_count(c); i++)
		if (certificates_key_path(c, i)[0] != '\0')
			bad += check(certificates_key_path(c, i), 0640,
			    "others could read the key of the certificate");
	if ((backups = backup_folder(NULL, e)) == NULL)
		return -1;
	bad += check(backups, 0700, "others could read all mail, or write what a restore believes");
	bad += check(client_conf_path(), 0755, "others could change the configuration");
	if (bad == 0)
		doctor_say(FINDING_OK, "files", NULL, "nobody else reads or writes our files");
	return 0;
}

/* The kernel knows whether somebody keeps its clock in time (adjtimex(2)): signatures, tickets and
 * certificates depend on it. */
void
doctor_clock(void)
{
	struct timex t = {0};

	if (adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC) != 0)
		doctor_say(FINDING_WARN, "clock", "install systemd-timesyncd or chrony",
		    "nobody keeps the clock in time");
	else
		doctor_say(FINDING_OK, "clock", NULL, "kept in time");
}
