/*
 * command.c - SMTP command lines, read into a struct. See command.h.
 */
#include "smtpd/command.h"

#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"
#include "mail/envelope.h"
#include "mail/xtext.h"

static const struct verb_row {
	struct str name;
	enum verb verb;
} verbs[] = {
    {STR_INIT("HELO"), VERB_HELO},
    {STR_INIT("EHLO"), VERB_EHLO},
    {STR_INIT("MAIL"), VERB_MAIL},
    {STR_INIT("RCPT"), VERB_RCPT},
    {STR_INIT("DATA"), VERB_DATA},
    {STR_INIT("BDAT"), VERB_BDAT},
    {STR_INIT("RSET"), VERB_RSET},
    {STR_INIT("NOOP"), VERB_NOOP},
    {STR_INIT("QUIT"), VERB_QUIT},
    {STR_INIT("VRFY"), VERB_VRFY},
    {STR_INIT("EXPN"), VERB_EXPN},
    {STR_INIT("HELP"), VERB_HELP},
    {STR_INIT("STARTTLS"), VERB_STARTTLS},
    {STR_INIT("AUTH"), VERB_AUTH},
    /* What web clients say; also a browser that was lured here with a form (cross-protocol
       attacks). */
    {STR_INIT("GET"), VERB_HTTP},
    {STR_INIT("POST"), VERB_HTTP},
    {STR_INIT("PUT"), VERB_HTTP},
    {STR_INIT("HEAD"), VERB_HTTP},
    {STR_INIT("OPTIONS"), VERB_HTTP},
    {STR_INIT("CONNECT"), VERB_HTTP},
    {STR_INIT("DELETE"), VERB_HTTP},
    {STR_INIT("TRACE"), VERB_HTTP},
    {STR_INIT("PATCH"), VERB_HTTP},
    {STR_INIT("PRI"), VERB_HTTP},
};

const char *
command_verb_name(enum verb v)
{
	if (v == VERB_HTTP)
		return "HTTP";
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (verbs[i].verb == v)
			return verbs[i].name.p;
	return "?";
}

/* ---- lines ---- */

enum line_result
command_line(struct str in, bool auth, struct str *line, size_t *used)
{
	size_t max = COMMAND_LINE_MAX, nl;

	if (auth || (in.n >= 5 && str_istarts(in, STR("AUTH "))))
		max = COMMAND_AUTH_LINE_MAX;
	nl = str_chr(str_sub(in, 0, max), '\n');
	if (nl == in.n && nl < max)
		return LINE_MORE;
	if (nl == max) {
		/* The last octet stays: it may be the CR of the CRLF that ends the line. */
		*used = max - 1;
		return LINE_TOO_LONG;
	}
	*used = nl + 1;
	if (nl == 0 || in.p[nl - 1] != '\r') {
		*line = str_sub(in, 0, nl);
		return LINE_BAD;
	}
	*line = str_sub(in, 0, nl - 1);
	if (memchr(line->p, '\r', line->n) || memchr(line->p, '\0', line->n))
		return LINE_BAD;
	return LINE_DONE;
}

/* ---- parts of a line ---- */

/* The next word up to a blank; *s goes on behind the blanks that follow it. */
static struct str
word(struct str *s)
{
	size_t n = 0;
	struct str w;

	while (n < s->n && !is_space(s->p[n]))
		n++;
	w = str_sub(*s, 0, n);
	while (n < s->n && is_space(s->p[n]))
		n++;
	*s = str_from(*s, n);
	return w;
}

static struct str
skip_blanks(struct str s)
{
	size_t n = 0;

	while (n < s.n && is_space(s.p[n]))
		n++;
	return str_from(s, n);
}

/* The offset of the ">" that ends the path in s, which begins behind the "<"; s.n when there is
 * none. A quoted local part may hold one (RFC 5321 4.1.2, Quoted-string). */
static size_t
path_end(struct str s)
{
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (is_cntl(c))
			return s.n;
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (c == '>' && !quoted)
			return i;
		else if (c == '<' && !quoted)
			return s.n;
	}
	return s.n;
}

/* "@a,@b:user@c" is user@c: a source route is taken and ignored (RFC 5321 4.1.2, appendix C). */
static int
drop_route(struct str *path)
{
	size_t colon;

	if (path->n == 0 || path->p[0] != '@')
		return 0;
	colon = str_chr(*path, ':');
	if (colon == path->n)
		return -1;
	for (size_t i = 0; i < colon; i++) {
		char c = path->p[i];

		if (!is_alnum(c) && c != '@' && c != ',' && c != '.' && c != '-')
			return -1;
	}
	*path = str_from(*path, colon + 1);
	return path->n > 0 ? 0 : -1;
}

/* "FROM:<path>" or "TO:<path>", then the rest of the line into *rest. */
static enum command_result
parse_path(struct str arg, struct str keyword, struct str *path, struct str *rest)
{
	size_t end;

	if (!str_istarts(arg, keyword))
		return COMMAND_BAD_SYNTAX;
	/* No blank may stand here (RFC 5321 3.3), but so many clients put one that all servers take
	 * it. */
	arg = skip_blanks(str_from(arg, keyword.n));
	if (arg.n == 0 || arg.p[0] != '<')
		return COMMAND_BAD_PATH;
	arg = str_from(arg, 1);
	end = path_end(arg);
	if (end == arg.n || end > COMMAND_PATH_MAX)
		return COMMAND_BAD_PATH;
	*path = str_sub(arg, 0, end);
	*rest = str_from(arg, end + 1);
	if (rest->n > 0 && !is_space(rest->p[0]))
		return COMMAND_BAD_PATH;
	*rest = skip_blanks(*rest);
	return drop_route(path) < 0 ? COMMAND_BAD_PATH : COMMAND_OK;
}

/* ---- parameters ---- */

/* RFC 3461 4.1: NEVER alone, or a list of the others. */
static int
parse_notify(struct str v, uint32_t *out)
{
	bool more = true;
	uint32_t bits = 0;

	while (more) {
		struct str one;
		uint32_t bit;

		more = str_cut(&v, ',', &one);
		if (str_ieq_z(one, "NEVER"))
			bit = NOTIFY_NEVER;
		else if (str_ieq_z(one, "SUCCESS"))
			bit = NOTIFY_SUCCESS;
		else if (str_ieq_z(one, "FAILURE"))
			bit = NOTIFY_FAILURE;
		else if (str_ieq_z(one, "DELAY"))
			bit = NOTIFY_DELAY;
		else
			return -1;
		bits |= bit;
	}
	if ((bits & NOTIFY_NEVER) && bits != NOTIFY_NEVER)
		return -1;
	*out = bits;
	return 0;
}

/* RFC 3461 4.2: addr-type ";" xtext, together at most 500 octets. */
static bool
is_orcpt(struct str v)
{
	struct str type;

	if (v.n > 500 || !str_cut(&v, ';', &type) || type.n == 0 || v.n == 0)
		return false;
	for (size_t i = 0; i < type.n; i++)
		if (!is_alnum(type.p[i]) && type.p[i] != '-')
			return false;
	return xtext_valid(v);
}

static int
mail_param(struct command *c, struct str key, bool has_value, struct str v, unsigned *bit)
{
	struct date until;

	if (str_ieq_z(key, "SIZE")) {
		*bit = PARAM_SIZE;
		return has_value && v.n <= 20 ? num_parse(v, 0, UINT64_MAX, &c->size) : -1;
	}
	if (str_ieq_z(key, "BODY")) {
		*bit = PARAM_BODY;
		c->eightbit = str_ieq_z(v, "8BITMIME");
		return c->eightbit || str_ieq_z(v, "7BIT") ? 0 : -1;
	}
	if (str_ieq_z(key, "SMTPUTF8")) {
		*bit = PARAM_SMTPUTF8;
		return has_value ? -1 : 0;
	}
	if (str_ieq_z(key, "RET")) {
		*bit = PARAM_RET;
		c->ret_full = str_ieq_z(v, "FULL");
		return c->ret_full || str_ieq_z(v, "HDRS") ? 0 : -1;
	}
	if (str_ieq_z(key, "ENVID")) {
		*bit = PARAM_ENVID;
		c->envid = v;
		return v.n > 0 && v.n <= 100 && xtext_valid(v) ? 0 : -1;
	}
	/* RFC 4865 5: one of the two, so they count as one. */
	if (str_ieq_z(key, "HOLDFOR")) {
		*bit = PARAM_HOLD;
		return v.n <= 9 ? num_parse(v, 0, 999999999, &c->hold_for) : -1;
	}
	if (str_ieq_z(key, "HOLDUNTIL")) {
		*bit = PARAM_HOLD;
		if (date_rfc3339_parse(v, &until) < 0 || until.utc <= 0)
			return -1;
		c->hold_until = until.utc;
		return 0;
	}
	if (str_ieq_z(key, "AUTH")) {
		/* Taken and not believed: nobody here is trusted to speak for others (RFC 4954 5).
		 */
		*bit = PARAM_AUTH;
		return v.n > 0 && v.n <= 500 && xtext_valid(v) ? 0 : -1;
	}
	*bit = 0;
	return 0;
}

static int
rcpt_param(struct command *c, struct str key, struct str v, unsigned *bit)
{
	if (str_ieq_z(key, "NOTIFY")) {
		*bit = PARAM_NOTIFY;
		return parse_notify(v, &c->notify);
	}
	if (str_ieq_z(key, "ORCPT")) {
		*bit = PARAM_ORCPT;
		c->orcpt = v;
		return is_orcpt(v) ? 0 : -1;
	}
	*bit = 0;
	return 0;
}

static enum command_result
parse_params(struct command *c, struct str rest)
{
	while (rest.n > 0) {
		struct str v = word(&rest), key;
		bool has_value = str_cut(&v, '=', &key);
		unsigned bit;
		int rc;

		if (!has_value)
			v = STR_NONE;
		rc = c->verb == VERB_MAIL ? mail_param(c, key, has_value, v, &bit)
					  : rcpt_param(c, key, v, &bit);
		if (bit == 0)
			return COMMAND_UNKNOWN_PARAM;
		if (rc < 0 || (c->params & bit))
			return COMMAND_BAD_PARAM;
		c->params |= bit;
	}
	return COMMAND_OK;
}

/* ---- verbs ---- */

static enum command_result
parse_bdat(struct command *c)
{
	struct str rest = c->arg, n = word(&rest);

	/* RFC 3030 2: "BDAT" SP chunk-size [ SP "LAST" ]; at most 20 digits */
	if (n.n == 0 || n.n > 20 || num_parse(n, 0, UINT64_MAX, &c->size) < 0)
		return COMMAND_BAD_SYNTAX;
	c->last = str_ieq_z(rest, "LAST");
	return c->last || rest.n == 0 ? COMMAND_OK : COMMAND_BAD_SYNTAX;
}

static enum command_result
parse_auth(struct command *c)
{
	struct str rest = c->arg;

	c->mech = word(&rest);
	c->initial = rest;
	c->has_initial = rest.n > 0;
	/* RFC 4422 3.1: 1 to 20 letters, digits, hyphens and underscores */
	if (c->mech.n == 0 || c->mech.n > 20 || str_chr(rest, ' ') != rest.n)
		return COMMAND_BAD_SYNTAX;
	for (size_t i = 0; i < c->mech.n; i++)
		if (!is_alnum(c->mech.p[i]) && c->mech.p[i] != '-' && c->mech.p[i] != '_')
			return COMMAND_BAD_SYNTAX;
	return COMMAND_OK;
}

static enum command_result
parse_arguments(struct command *c)
{
	enum command_result rc;
	struct str rest;

	switch (c->verb) {
	case VERB_MAIL:
	case VERB_RCPT:
		rc = parse_path(
		    c->arg, c->verb == VERB_MAIL ? STR("FROM:") : STR("TO:"), &c->path, &rest);
		return rc == COMMAND_OK ? parse_params(c, rest) : rc;
	case VERB_BDAT:
		return parse_bdat(c);
	case VERB_AUTH:
		return parse_auth(c);
	case VERB_HELO:
	case VERB_EHLO:
	case VERB_VRFY:
	case VERB_EXPN:
		return c->arg.n > 0 ? COMMAND_OK : COMMAND_BAD_SYNTAX;
	case VERB_DATA:
	case VERB_RSET:
	case VERB_QUIT:
	case VERB_STARTTLS:
		return c->arg.n == 0 ? COMMAND_OK : COMMAND_BAD_SYNTAX;
	case VERB_NOOP:
	case VERB_HELP:
	case VERB_HTTP:
	case VERB_UNKNOWN:
		break;
	}
	return COMMAND_OK;
}

enum command_result
command_parse(struct str line, struct command *out)
{
	struct str rest = line, name = word(&rest);

	*out = (struct command){.verb = VERB_UNKNOWN, .arg = str_trim(rest)};
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (str_ieq(name, verbs[i].name)) {
			out->verb = verbs[i].verb;
			return parse_arguments(out);
		}
	}
	return COMMAND_OK;
}
