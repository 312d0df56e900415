/*
 * chat.c - see chat.h: the pages that talk with us, and what each of them says.
 *
 * A page's messages are looked at here in full before anything is made of them. Errors: what makes
 * no sense is answered by an error, and the chat goes on.
 */
#include "aid/chat.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aid/chat_in.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "ipc/chat.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define CHATS_MAX     2000u
#define CHATS_OF_USER 8u
#define VALUES_MAX    500u
#define KEEP_MS       (5u * 60 * 1000) /* a page that is away may come back */
#define ZONE_MAX      (18 * 60)        /* minutes from UTC: ISO 8601 knows no more than a day */

static TAILQ_HEAD(, chat) chats = TAILQ_HEAD_INITIALIZER(chats);
static size_t nchats;
static void (*drained)(void);

/* ---- brains ---- */

static const struct brain *configured = &brain_builtin;

void
chat_use(const struct brain *b)
{
	configured = b;
}

static const struct brain *
brain_named(struct str name)
{
	if (str_eq_z(name, configured->name))
		return configured;
	return str_eq_z(name, brain_builtin.name) ? &brain_builtin : NULL;
}

/* Both forget: what one knows would be missed by the other. */
static void
forget(struct chat *c)
{
	if (c->slot != NULL && c->brain->forget != NULL)
		c->brain->forget(c->slot);
	if (c->slot_builtin != NULL && brain_builtin.forget != NULL)
		brain_builtin.forget(c->slot_builtin);
	c->slot = c->slot_builtin = NULL;
	memory_clear(&c->memory);
	kept_clear(&c->kept);
	confirm_forget(c);
}

/* ---- the page ---- */

static void
put_message(struct chat *c, struct str octets)
{
	while (octets.n > FRAMES_MAX) {
		frames_put(c->frames, CHAT_PART, str_sub(octets, 0, FRAMES_MAX));
		octets = str_from(octets, FRAMES_MAX);
	}
	frames_put(c->frames, CHAT_TEXT, octets);
}

void
chat_tell(struct chat *c, cJSON *message)
{
	struct buf b;

	buf_init(&b, CHAT_OUT_MAX);
	json_print(message, &b);
	if (!b.over)
		kept_add(&c->kept, message);
	cJSON_Delete(message);
	if (b.over)
		log_error("aid.message_size", LZ("user", c->user));
	else if (c->frames != NULL)
		put_message(c, buf_view(&b));
	buf_free(&b);
}

static cJSON *
new_hello(const struct chat *c)
{
	cJSON *m = cJSON_CreateObject(), *names = cJSON_CreateArray();

	json_put_str(m, "type", STR("hello"));
	json_put_str(m, "chat", str_z(c->id));
	json_put_str(m, "provider", str_z(c->brain->name));
	json_put_str(m, "model", c->brain->model());
	json_put_bool(m, "local", c->brain->local());
	json_add(names, json_new_str(str_z(brain_builtin.name)));
	if (configured != &brain_builtin)
		json_add(names, json_new_str(str_z(configured->name)));
	json_put(m, "providers", names);
	return m;
}

static void
tell_hello(struct chat *c)
{
	chat_tell(c, new_hello(c));
}

static void
tell_resumed(struct chat *c, bool resumed)
{
	cJSON *m = new_hello(c);

	json_put_bool(m, "resumed", resumed);
	chat_tell(c, m);
}

/* id: of the turn that it is about, or empty. */
static void
tell_error(struct chat *c, struct str id, const char *code, const char *text)
{
	cJSON *m = cJSON_CreateObject();

	json_put_str(m, "type", STR("error"));
	if (id.n > 0)
		json_put_str(m, "id", id);
	json_put_str(m, "code", str_z(code));
	json_put_str(m, "text", str_z(text));
	chat_tell(c, m);
}

/* ---- the end ---- */

static void
mcp_drop(struct chat *c)
{
	if (c->opening != 0)
		ipc_cancel(svc_channel(PEER_MCPD), c->opening);
	c->opening = 0;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	mcp_free(&c->mcp);
	c->lost = false;
}

static void
chat_free(struct chat *c)
{
	OBJ(c, CHAT_MAGIC);
	frames_free(&c->frames);
	if (c->turn != NULL)
		turn_stop(c->turn, "gone", "");
	mcp_drop(c);
	forget(c);
	kept_free(&c->kept);
	loop_timer_free(&c->timer);
	TAILQ_REMOVE(&chats, c, link);
	nchats--;
	metric_add(METRIC_AID_CHATS, -1);
	sodium_memzero(c->key, c->key_n);
	sodium_memzero(c->id, sizeof(c->id));
	free(c->key);
	free(c->user);
	free(c->web);
	c->magic = 0;
	free(c);
	if (drained != NULL && nchats == 0)
		drained();
}

/* ---- the tools ---- */

static void
turn_without_tools(struct chat *c)
{
	if (c->waits)
		turn_stop(c->turn, "tools", "");
}

static void
on_ready(void *arg)
{
	struct chat *c = arg;

	OBJ(c, CHAT_MAGIC);
	if (!c->waits)
		return;
	c->waits = false;
	turn_start(c->turn);
}

static void
on_failed(void *arg, const struct err *e)
{
	struct chat *c = arg;

	OBJ(c, CHAT_MAGIC);
	log_info("aid.tools_lost", LZ("user", c->user), LZ("session", c->session), LE(e));
	c->lost = true;
	if (c->turn == NULL)
		mcp_drop(c);
	else
		turn_without_tools(c);
}

static void
opened(void *arg, struct ipc_in *m, const struct err *e)
{
	static const struct mcp_events events = {.ready = on_ready, .failed = on_failed};
	struct chat *c = arg;
	struct str session;

	OBJ(c, CHAT_MAGIC);
	c->opening = 0;
	if (m == NULL) {
		log_warn("aid.no_tools", LZ("user", c->user), LE(e));
		mcp_drop(c);
		turn_without_tools(c);
		return;
	}
	(void)ipc_get_str(m);
	(void)ipc_get_str(m);
	session = ipc_get_str(m);
	if (ipc_end(m) < 0 || str_cz(session, c->session, sizeof(c->session)) < 0)
		return;
	c->mcp = mcp_new(c->fd, &events, c);
	c->fd = -1;
}

static void
open_tools(struct chat *c)
{
	unsigned zone = (unsigned)abs(c->zone);
	struct ipc_out m;
	char text[16];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		turn_without_tools(c);
		return;
	}
	c->fd = pair[0];
	ipc_begin(&m, MSG_MCP_STREAM);
	ipc_put_str(&m, str_of(c->key, c->key_n));
	ipc_put_z(&m, "assistant");
	snprintf(text, sizeof(text), "%c%02u:%02u", c->zone < 0 ? '-' : '+', zone / 60, zone % 60);
	ipc_put_z(&m, text);
	ipc_put_fd(&m, pair[1]);
	c->opening = ipc_call(svc_channel(PEER_MCPD), &m, opened, c);
}

/* ---- what the page says ---- */

void
chat_turn_gone(struct chat *c)
{
	c->turn = NULL;
	c->waits = false;
	if (c->lost)
		mcp_drop(c);
	if (drained != NULL && c->frames != NULL)
		frames_finish(c->frames);
}

/* An id of JMAP, or of the page's. */
static struct str
id_of(struct arena *a, const cJSON *v)
{
	struct str s = json_str(v);

	return s.n > 0 && s.n <= 255 ? arena_dup(a, s) : STR("");
}

static void
take_language(const cJSON *root, enum language *out)
{
	struct str s = json_str(json_get(root, "language"));

	if (str_eq_z(s, "fr"))
		*out = LANGUAGE_FR;
	else if (str_eq_z(s, "en"))
		*out = LANGUAGE_EN;
}

static void
take_context(struct turn *t, const cJSON *context)
{
	const cJSON *selected = json_get(context, "selected"), *v;
	struct turn_asked *a = &t->asked;
	struct str *ids = arena_array(&t->arena, CHAT_SELECTED, sizeof(*ids));

	a->email = id_of(&t->arena, json_get(context, "emailId"));
	a->thread = id_of(&t->arena, json_get(context, "threadId"));
	a->mailbox = id_of(&t->arena, json_get(context, "mailboxId"));
	a->selected = ids;
	cJSON_ArrayForEach(v, selected)
	{
		struct str id = id_of(&t->arena, v);

		if (id.n > 0 && a->nselected < CHAT_SELECTED)
			ids[a->nselected++] = id;
	}
}

static void
take_ask(struct chat *c, const cJSON *root)
{
	struct str id = json_str(json_get(root, "id")), text = json_str(json_get(root, "text"));
	int64_t zone, choice;

	if (id.n == 0 || id.n > CHAT_ID_MAX || text.n > REQUEST_TEXT_MAX) {
		tell_error(c, id.n <= CHAT_ID_MAX ? id : STR(""), "invalid", "");
		return;
	}
	if (c->turn != NULL || drained != NULL) {
		tell_error(c, id, drained != NULL ? "away" : "busy", "");
		return;
	}
	c->asked = true;
	take_language(root, &c->language);
	if (json_int(json_get(root, "zone"), -ZONE_MAX, ZONE_MAX, &zone) == 0)
		c->zone = (int32_t)zone;
	c->turn = turn_new(c, id, text);
	c->turn->asked.language = c->language;
	c->turn->asked.now = (struct now){clock_wall(), c->zone};
	take_context(c->turn, json_get(root, "context"));
	if (json_int(json_get(root, "choice"), 1, CHAT_CHOICES, &choice) == 0) {
		c->turn->asked.choice = (size_t)choice;
		c->turn->brain = &brain_builtin;
	}
	c->waits = c->mcp == NULL || !mcp_ready(c->mcp);
	if (!c->waits)
		turn_start(c->turn);
	else if (c->mcp == NULL && c->opening == 0)
		open_tools(c);
}

static void
take_cancel(struct chat *c, const cJSON *root)
{
	if (c->turn != NULL && str_eq(json_str(json_get(root, "id")), c->turn->id))
		turn_stop(c->turn, "cancelled", "");
}

static void
take_confirm(struct chat *c, const cJSON *root)
{
	const cJSON *yes = json_get(root, "yes");
	int64_t card;

	if (!cJSON_IsBool(yes) || json_int(json_get(root, "call"), 1, JSON_INT_MAX, &card) < 0)
		tell_error(c, STR(""), "invalid", "");
	else if (c->turn != NULL && str_eq(json_str(json_get(root, "id")), c->turn->id))
		confirm_take(c->turn, (uint64_t)card, cJSON_IsTrue(yes));
}

static void
begin_anew(struct chat *c, const struct brain *b)
{
	if (c->turn != NULL)
		turn_stop(c->turn, "cancelled", "");
	forget(c);
	c->brain = b;
	tell_hello(c);
}

static void
take_provider(struct chat *c, const cJSON *root)
{
	const struct brain *b = brain_named(json_str(json_get(root, "name")));

	if (b == NULL)
		tell_error(c, STR(""), "invalid", "");
	else
		begin_anew(c, b);
}

/* ---- a page that comes back ---- */

/* The conversation of that id, of the same browser's session. */
static struct chat *
left_by(const struct chat *c, struct str id)
{
	struct chat *o;

	if (id.n != CHAT_NAME)
		return NULL;
	TAILQ_FOREACH (o, &chats, link)
		if (o != c && o->web[0] != '\0' && strcmp(o->web, c->web) == 0 &&
		    strcmp(o->user, c->user) == 0 && sodium_memcmp(o->id, id.p, CHAT_NAME) == 0)
			return o;
	return NULL;
}

/* o is c's from now on: its page, and its key, which authd knows the longest. */
static void
move_page(struct chat *c, struct chat *o)
{
	char *key = o->key;
	size_t n = o->key_n;

	frames_free(&o->frames);
	o->frames = c->frames;
	c->frames = NULL;
	frames_pass(o->frames, o);
	o->key = c->key;
	o->key_n = c->key_n;
	c->key = key;
	c->key_n = n;
	loop_timer_stop(o->timer);
	chat_free(c);
}

static void
tell_again(void *arg, struct str message)
{
	put_message(arg, message);
}

static struct chat *
take_resume(struct chat *c, const cJSON *root)
{
	struct str turn = json_str(json_get(root, "turn"));
	bool all = cJSON_IsTrue(json_get(root, "all"));
	bool late = c->asked; /* what it is asked goes on, and is not lost */
	struct chat *o = late ? NULL : left_by(c, json_str(json_get(root, "chat")));

	if (turn.n > CHAT_ID_MAX)
		turn = STR("");
	if (o != NULL)
		move_page(c, o);
	log_info("aid.resume", LZ("user", o != NULL ? o->user : c->user),
	    LZ("outcome", o != NULL ? "found" : "unknown"));
	if (o != NULL && all)
		kept_tell_all(&o->kept, tell_again, o);
	tell_resumed(o != NULL ? o : c, o != NULL);
	if (turn.n > 0 && !all && !late && (o == NULL || !kept_tell(&o->kept, turn, tell_again, o)))
		tell_error(o != NULL ? o : c, turn, "lost", "");
	return o != NULL ? o : c;
}

/* Whose page it is then. */
static struct chat *
take_message(struct chat *c, const cJSON *root)
{
	struct str type = json_str(json_get(root, "type"));

	if (str_eq_z(type, "resume"))
		return take_resume(c, root);
	if (str_eq_z(type, "ask"))
		take_ask(c, root);
	else if (str_eq_z(type, "cancel"))
		take_cancel(c, root);
	else if (str_eq_z(type, "confirm"))
		take_confirm(c, root);
	else if (str_eq_z(type, "new"))
		begin_anew(c, c->brain);
	else if (str_eq_z(type, "provider"))
		take_provider(c, root);
	else
		tell_error(c, STR(""), "invalid", "");
	return c;
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct chat *c = arg;
	cJSON *root;

	OBJ(c, CHAT_MAGIC);
	if (kind != CHAT_TEXT || octets.n > CHAT_IN_MAX) {
		chat_free(c);
		return;
	}
	root = json_parse(octets, VALUES_MAX, NULL);
	if (cJSON_IsObject(root))
		c = take_message(c, root);
	else
		tell_error(c, STR(""), "invalid", "");
	cJSON_Delete(root);
	/* Who takes no answers asks no more. */
	if (frames_blocked(c->frames))
		frames_pause(c->frames);
}

static void
on_drained(void *arg)
{
	struct chat *c = arg;

	OBJ(c, CHAT_MAGIC);
	if (drained == NULL)
		frames_resume(c->frames);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct chat *c = arg;

	OBJ(c, CHAT_MAGIC);
	if (e->code == E_PROTO)
		log_error("aid.page", LZ("user", c->user), LE(e));
	/* Its line may have broken. What is under way goes on meanwhile. */
	if (e->code == E_PROTO || drained != NULL || !c->asked) {
		chat_free(c);
		return;
	}
	frames_free(&c->frames);
	loop_timer_set(c->timer, KEEP_MS);
}

static void
on_timer(void *arg)
{
	struct chat *c = arg;

	OBJ(c, CHAT_MAGIC);
	chat_free(c);
}

/* ---- the beginning ---- */

static bool
is_full(struct str user)
{
	const struct chat *c;
	size_t n = 0;

	TAILQ_FOREACH (c, &chats, link)
		n += str_eq_z(user, c->user);
	return n >= CHATS_OF_USER || nchats >= CHATS_MAX;
}

/* Those whose page is away make room. */
static bool
make_room(struct str user)
{
	struct chat *c, *next;

	for (c = TAILQ_FIRST(&chats); c != NULL && is_full(user); c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->frames == NULL && (nchats >= CHATS_MAX || str_eq_z(user, c->user)))
			chat_free(c);
	}
	return !is_full(user);
}

static void
name_it(struct chat *c)
{
	unsigned char raw[CHAT_NAME / 2];

	randombytes_buf(raw, sizeof(raw));
	sodium_bin2hex(c->id, sizeof(c->id), raw, sizeof(raw));
	sodium_memzero(raw, sizeof(raw));
}

static struct chat *
chat_new(struct str key, struct str user, struct str web, int fd)
{
	static const struct frames_events events = {
	    .frame = on_frame, .drained = on_drained, .closed = on_closed};
	struct chat *c = mem_alloc(sizeof(*c));

	c->magic = CHAT_MAGIC;
	name_it(c);
	c->key = mem_dup(key.p, key.n);
	c->key_n = key.n;
	c->user = mem_dup(user.p, user.n);
	c->web = mem_dup(web.p, web.n);
	c->brain = configured;
	c->fd = -1;
	kept_init(&c->kept);
	c->timer = loop_timer_new(on_timer, c);
	TAILQ_INSERT_TAIL(&chats, c, link);
	nchats++;
	metric_add(METRIC_AID_CHATS, 1);
	c->frames = frames_new(fd, &events, c);
	return c;
}

static void
speak(struct chat *c, struct str language, struct str zone)
{
	bool west = str_starts(zone, STR("-"));
	uint64_t minutes;

	c->language = str_eq_z(language, "fr") ? LANGUAGE_FR : LANGUAGE_EN;
	if (num_parse(str_from(zone, west), 0, ZONE_MAX, &minutes) == 0)
		c->zone = west ? -(int32_t)minutes : (int32_t)minutes;
}

void
chat_open(struct ipc_chan *c, struct ipc_in *m)
{
	struct str key = ipc_get_str(m), user = ipc_get_str(m), web = ipc_get_str(m);
	struct str language = ipc_get_str(m), zone = ipc_get_str(m);
	int fd = ipc_take_fd(m);
	struct chat *new;
	struct err e;

	if (ipc_end(m) < 0) {
		if (fd >= 0)
			close(fd);
	} else if (drained != NULL || !make_room(user)) {
		(void)err_set(&e, drained != NULL ? E_TEMP : E_LIMIT, "no more conversations");
		ipc_reply_error(c, m->id, &e);
		close(fd);
	} else {
		new = chat_new(key, user, web, fd);
		speak(new, language, zone);
		tell_hello(new);
		ipc_reply_ok(c, m->id, MSG_AID_OPEN_R);
	}
}

void
chat_drain(void (*done)(void))
{
	struct chat *c, *next;

	drained = done;
	if (nchats == 0) {
		done();
		return;
	}
	for (c = TAILQ_FIRST(&chats); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->frames == NULL)
			chat_free(c);
		else if (c->turn == NULL)
			frames_finish(c->frames);
		else
			(void)confirm_over(c->turn, "time"); /* it is not waited for */
	}
}
