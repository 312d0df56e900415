/* agent.c - see agent.h. */
#include "ipc/agent.h"

#include "base/mem.h"

static const char *const scopes[] = {"mail:read", "mail:organize", "mail:draft", "mail:send"};
static const char *const classes[AGENT_CLASSES] = {
    "read", "flag", "draft", "send", "delete", "move", "forward", "vacation"};
static const char *const decisions[] = {"free", "approval", "never"};

/* The next word of a list divided by commas and blanks; false: there is none. */
static bool
next_word(struct str *s, struct str *word)
{
	size_t n = 0;

	while (s->n > 0 && (is_space(s->p[0]) || s->p[0] == ','))
		*s = str_from(*s, 1);
	while (n < s->n && !is_space(s->p[n]) && s->p[n] != ',')
		n++;
	*word = str_sub(*s, 0, n);
	*s = str_from(*s, n);
	return n > 0;
}

int
agent_scopes_parse(struct str s, uint32_t *out, struct err *e)
{
	struct str word;
	uint32_t found = 0;

	while (next_word(&s, &word)) {
		size_t i = 0;

		while (i < ARRAY_LEN(scopes) && !str_eq_z(word, scopes[i]))
			i++;
		if (i == ARRAY_LEN(scopes))
			return err_set(
			    e, E_INVAL, "no such scope: " STR_FMT, STR_ARG(str_sub(word, 0, 40)));
		found |= 1u << i;
	}
	if (found == 0)
		return err_set(e, E_INVAL, "no scopes");
	*out = found;
	return 0;
}

void
agent_scopes_put(uint32_t v, struct buf *out)
{
	const char *between = "";

	for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
		if (v & 1u << i) {
			(void)buf_printf(out, "%s%s", between, scopes[i]);
			between = ",";
		}
}

enum agent_decision
agent_policy_get(uint32_t policy, enum agent_class c)
{
	uint32_t d = policy >> 2 * c & 3u;

	return d <= AGENT_NEVER ? (enum agent_decision)d : AGENT_NEVER;
}

static int
parse_one(struct str word, uint32_t *policy, struct err *e)
{
	struct str name;
	size_t c = 0, d = 0;

	(void)str_cut(&word, '=', &name);
	while (c < AGENT_CLASSES && !str_eq_z(name, classes[c]))
		c++;
	while (d < ARRAY_LEN(decisions) && !str_eq_z(word, decisions[d]))
		d++;
	if (c == AGENT_CLASSES || d == ARRAY_LEN(decisions))
		return err_set(e, E_INVAL, "a policy is CLASS=free, approval or never");
	/* INVARIANTS 20: nobody can ask for that. */
	if (c == AGENT_CLASS_SEND && d == AGENT_FREE)
		return err_set(e, E_INVAL, "sending is never free");
	*policy = (*policy & ~(3u << 2 * c)) | (uint32_t)d << 2 * c;
	return 0;
}

int
agent_policy_parse(struct str s, uint32_t *policy, struct err *e)
{
	uint32_t v = *policy;
	struct str word;

	while (next_word(&s, &word))
		if (parse_one(word, &v, e) < 0)
			return -1;
	*policy = v;
	return 0;
}

bool
agent_policy_valid(uint32_t policy)
{
	for (unsigned c = 0; c < AGENT_CLASSES; c++)
		if ((policy >> 2 * c & 3u) > AGENT_NEVER)
			return false;
	return policy >> 2 * AGENT_CLASSES == 0 &&
	       agent_policy_get(policy, AGENT_CLASS_SEND) != AGENT_FREE;
}

void
agent_policy_put(uint32_t policy, struct buf *out)
{
	for (unsigned c = 0; c < AGENT_CLASSES; c++)
		(void)buf_printf(out, "%s%s=%s", c > 0 ? "," : "", classes[c],
		    decisions[agent_policy_get(policy, (enum agent_class)c)]);
}

const char *
agent_class_name(enum agent_class c)
{
	return classes[c];
}

const char *
agent_decision_name(enum agent_decision d)
{
	return decisions[d];
}

bool
agent_name_valid(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n <= AGENT_NAME_MAX;
}

bool
agent_session_valid(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'f'))
			return false;
	return s.n == AGENT_SESSION;
}

bool
agent_is_built_in(struct str name)
{
	return str_eq_z(name, AGENT_ASSISTANT) || str_eq_z(name, AGENT_TERMINAL);
}
