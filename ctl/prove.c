/* prove.c - see prove.h. */
#include "ctl/prove.h"

#include <sodium.h>
#include <stdio.h>

#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/password.h"

static struct {
	struct json json;
	unsigned good, bad;
} self;

void
prove_tell(const char *protocol, struct str capability, const char *why)
{
	*(why == NULL ? &self.good : &self.bad) += 1;
	if (ctl.json) {
		json_open(&self.json, NULL, '{');
		json_z(&self.json, "protocol", protocol);
		json_str(&self.json, "capability", capability);
		json_bool(&self.json, "ok", why == NULL);
		if (why != NULL)
			json_z(&self.json, "why", why);
		json_close(&self.json, '}');
		return;
	}
	printf("%-4s  %-4s  ", why == NULL ? "ok" : "FAIL", protocol);
	out_str(stdout, capability);
	if (why != NULL) {
		fputs(": ", stdout);
		out_str(stdout, str_z(why));
	}
	putchar('\n');
	fflush(stdout);
}

const char *
prove_base64(struct str s)
{
	size_t n = sodium_base64_ENCODED_LEN(s.n, sodium_base64_VARIANT_ORIGINAL);
	char *out = arena_alloc(&ctl.arena, n);

	return sodium_bin2base64(
	    out, n, (const unsigned char *)s.p, s.n, sodium_base64_VARIANT_ORIGINAL);
}

const char *
prove_plain(const struct prove *p)
{
	struct buf b;
	const char *out;

	buf_init(&b, 4096);
	buf_putc(&b, '\0');
	buf_puts(&b, p->user);
	buf_putc(&b, '\0');
	buf_puts(&b, p->password);
	out = prove_base64(buf_view(&b));
	buf_free(&b);
	return out;
}

const char *
prove_scram(const struct prove *p, bool plus)
{
	return prove_base64(arena_printf(&ctl.arena, "%s,,n=%s,r=gkmailprove0123456789",
	    plus ? "p=tls-exporter" : "n", p->user));
}

struct str
prove_listener(const struct prove *p, const char *name)
{
	for (size_t i = 0; i < p->status->nlisteners; i++)
		if (str_eq_z(p->status->listeners[i].name, name))
			return p->status->listeners[i].address;
	return STR_NONE;
}

struct str
prove_fill(const struct prove *p, const char *text)
{
	struct str in = str_z(text), mark = STR("%A");
	struct buf b;
	struct str out;
	size_t at;

	buf_init(&b, 8192);
	while ((at = str_find(in, mark)) < in.n) {
		buf_str(&b, str_sub(in, 0, at));
		buf_puts(&b, p->user);
		in = str_from(in, at + mark.n);
	}
	buf_str(&b, in);
	out = arena_dup(&ctl.arena, buf_view(&b));
	buf_free(&b);
	return out;
}

int
verb_prove(struct err *e)
{
	static int (*const all[])(const struct prove *, struct err *) = {
	    prove_smtp, prove_imap, prove_jmap, prove_mcp};
	static const char *const names[] = {"smtp", "imap", "jmap", "mcp"};
	char password[PASSWORD_MAX];
	struct status s;
	struct prove p;

	if (args_end(1, 1, e) < 0 || args_whose(e) < 0 || status_get(&s, &ctl.arena, e) < 0)
		return -1;
	if (password_read(ctl.args[0], password, e) < 0)
		return -1;
	p = (struct prove){.status = &s, .user = ctl.args[0], .password = password};
	json_init(&self.json);
	json_open(&self.json, NULL, '[');
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i](&p, e) < 0)
			prove_tell(names[i], STR("all of it"), e->text);
	sodium_memzero(password, sizeof(password));
	if (ctl.json) {
		json_close(&self.json, ']');
		json_print(&self.json);
	} else {
		printf("\n%u as promised, %u not\n", self.good, self.bad);
	}
	return self.bad == 0 ? EXIT_DONE : EXIT_FAIL;
}
