/*
 * parameters.c - see submission.h: parameters of SMTP in an envelope (RFC 8621 7). JSON has their
 * values without xtext (RFC 3461 4), which is put on again here; only what gk-smtpd announces is
 * taken, so that nothing else gets into a command.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"
#include "mail/xtext.h"
#include "mailboxd/jmap/submission.h"

#define ENVID_MAX 100u /* RFC 3461 4.4 */
#define ORCPT_MAX 500u /* RFC 3461 4.2 */

struct parameters {
	struct jmap_outgoing *o;
	struct buf text; /* as they are sent, each with a blank before it */
	unsigned seen;   /* by place in the table: names are without case, so JSON may repeat one */
};

static bool
is_one_of(struct str value, const char *a, const char *b)
{
	return str_ieq_z(value, a) || str_ieq_z(value, b);
}

static bool
put(struct parameters *p, const char *name, struct str value)
{
	return buf_printf(&p->text, " %s=" STR_FMT, name, STR_ARG(value)) == 0;
}

static bool
put_xtext(struct parameters *p, struct str value, size_t max)
{
	size_t before = p->text.n;

	xtext_encode(value, &p->text);
	return value.n > 0 && p->text.n - before <= max;
}

/* ---- MAIL ---- */

static bool
take_ret(struct parameters *p, struct str value)
{
	return is_one_of(value, "FULL", "HDRS") && put(p, "RET", value);
}

static bool
take_envid(struct parameters *p, struct str value)
{
	return put(p, "ENVID", STR("")) && put_xtext(p, value, ENVID_MAX);
}

static bool
take_size(struct parameters *p, struct str value)
{
	uint64_t size;

	return value.n <= 20 && num_parse(value, 0, UINT64_MAX, &size) == 0 &&
	       put(p, "SIZE", value);
}

/* What the message is, is known better here; a client may only say more of it. */
static bool
take_body(struct parameters *p, struct str value)
{
	p->o->letter.eightbit |= str_ieq_z(value, "8BITMIME");
	return is_one_of(value, "7BIT", "8BITMIME");
}

static bool
take_smtputf8(struct parameters *p, struct str value)
{
	p->o->letter.utf8 = true;
	return value.p == NULL;
}

/* RFC 4865 5: one of the two, and no later than the session object allows (RFC 8621 1.3.2). */
static bool
take_holdfor(struct parameters *p, struct str value)
{
	uint64_t seconds;

	if (p->o->send_at != 0 || value.n == 0 ||
	    num_parse(value, 0, p->o->jmap->host.max_delay_s, &seconds) < 0)
		return false;
	p->o->send_at = clock_wall() + (int64_t)seconds;
	return seconds == 0 || put(p, "HOLDFOR", value);
}

static bool
take_holduntil(struct parameters *p, struct str value)
{
	int64_t now = clock_wall();
	struct date until;

	if (p->o->send_at != 0 || date_rfc3339_parse(value, &until) < 0 ||
	    until.utc > now + (int64_t)p->o->jmap->host.max_delay_s)
		return false;
	p->o->send_at = num_max(until.utc, now);
	return put(p, "HOLDUNTIL", value);
}

/* ---- RCPT ---- */

/* RFC 3461 4.1: NEVER alone, or a list of the others. */
static bool
take_notify(struct parameters *p, struct str value)
{
	struct str rest = value, one;
	bool more = true;

	while (more && !str_ieq_z(value, "NEVER")) {
		more = str_cut(&rest, ',', &one);
		if (!is_one_of(one, "SUCCESS", "FAILURE") && !str_ieq_z(one, "DELAY"))
			return false;
	}
	return put(p, "NOTIFY", value);
}

/* RFC 3461 4.2: a type and an address, of which the address is xtext. */
static bool
take_orcpt(struct parameters *p, struct str value)
{
	struct str type, address = value;

	if (!str_cut(&address, ';', &type) || type.n == 0 || type.n > ORCPT_MAX)
		return false;
	for (size_t i = 0; i < type.n; i++)
		if (!is_alnum(type.p[i]) && type.p[i] != '-')
			return false;
	return put(p, "ORCPT", type) && buf_putc(&p->text, ';') == 0 &&
	       put_xtext(p, address, ORCPT_MAX - type.n - 1);
}

/* ---- all ---- */

static const struct parameter {
	const char *name;
	bool of_rcpt;
	bool (*take)(struct parameters *p, struct str value);
} known[] = {
    {"RET", false, take_ret},
    {"ENVID", false, take_envid},
    {"SIZE", false, take_size},
    {"BODY", false, take_body},
    {"SMTPUTF8", false, take_smtputf8},
    {"HOLDFOR", false, take_holdfor},
    {"HOLDUNTIL", false, take_holduntil},
    {"NOTIFY", true, take_notify},
    {"ORCPT", true, take_orcpt},
};

static bool
take(struct parameters *p, const cJSON *m, bool of_rcpt)
{
	for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i].of_rcpt != of_rcpt || !str_ieq_z(json_name(m), known[i].name))
			continue;
		if (p->seen & 1u << i || (!cJSON_IsString(m) && !cJSON_IsNull(m)))
			return false;
		p->seen |= 1u << i;
		return known[i].take(p, json_str(m));
	}
	return false;
}

int
jmap_parameters_read(struct jmap_outgoing *o, const cJSON *address, bool of_rcpt, struct str *out)
{
	const cJSON *v = json_member(address, "parameters"), *m;
	struct parameters p = {.o = o};
	int rc = -1;

	*out = STR("");
	if (v == NULL || cJSON_IsNull(v))
		return 0;
	buf_init(&p.text, 2048);
	if (!cJSON_IsObject(v)) {
		(void)jmap_item_invalid(o->item, "envelope", "parameters are no object");
		goto out;
	}
	cJSON_ArrayForEach(m, v)
	{
		if (!take(&p, m, of_rcpt)) {
			(void)jmap_item_invalid(
			    o->item, "envelope", "a parameter of no use here, or of no such value");
			goto out;
		}
	}
	*out = arena_dup(&o->arena, buf_view(&p.text));
	rc = 0;
out:
	buf_free(&p.text);
	return rc;
}
