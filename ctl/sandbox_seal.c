/*
 * sandbox_seal.c - passwords of a sandbox between its starts, sealed under DIR/users.key.
 *
 * Who can read DIR can unseal them: they are as private as DIR is. It keeps them out of searches,
 * copies of single files and editors' windows, and lets a test prove that no part of the suite
 * writes one down.
 */
#include <fcntl.h>
#include <sodium.h>

#include "base/mem.h"
#include "ctl/ctl.h"
#include "ctl/sandbox.h"
#include "io/file.h"

#define KEY   crypto_secretbox_KEYBYTES
#define NONCE crypto_secretbox_NONCEBYTES
#define EXTRA (NONCE + crypto_secretbox_MACBYTES)

static int
make_key(const char *path, unsigned char key[KEY], struct err *e)
{
	int fd = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, e), rc;

	if (fd < 0)
		return -1;
	randombytes_buf(key, KEY);
	rc = file_write(fd, key, KEY, e);
	file_close(&fd);
	return rc;
}

static int
read_key(const struct sandbox *s, unsigned char key[KEY])
{
	struct str text;

	if (file_read_all(AT_FDCWD, sandbox_path(s, "users.key"), KEY, &ctl.arena, &text, NULL) <
		0 ||
	    text.n != KEY)
		return -1;
	memcpy(key, text.p, KEY);
	return 0;
}

int
sandbox_seal(const struct sandbox *s, struct str password, struct str *out, struct err *e)
{
	size_t n = password.n + EXTRA;
	unsigned char key[KEY], *box = arena_alloc(&ctl.arena, n);
	char *hex = arena_alloc(&ctl.arena, 2 * n + 1);

	if (read_key(s, key) < 0 && make_key(sandbox_path(s, "users.key"), key, e) < 0)
		return -1;
	randombytes_buf(box, NONCE);
	crypto_secretbox_easy(box + NONCE, (const unsigned char *)password.p, password.n, box, key);
	sodium_bin2hex(hex, 2 * n + 1, box, n);
	sodium_memzero(key, sizeof(key));
	*out = str_of(hex, 2 * n);
	return 0;
}

int
sandbox_unseal(const struct sandbox *s, struct str sealed, struct str *out)
{
	unsigned char key[KEY], *box = arena_alloc(&ctl.arena, sealed.n / 2 + 1), *plain;
	size_t n;
	int rc = -1;

	if (read_key(s, key) < 0 ||
	    sodium_hex2bin(box, sealed.n / 2 + 1, sealed.p, sealed.n, NULL, &n, NULL) < 0 ||
	    n < EXTRA)
		return -1;
	plain = arena_alloc(&ctl.arena, n - EXTRA + 1);
	if (crypto_secretbox_open_easy(plain, box + NONCE, n - NONCE, box, key) == 0) {
		*out = str_of(plain, n - EXTRA);
		rc = 0;
	}
	sodium_memzero(key, sizeof(key));
	return rc;
}
