/*
 * chat_fuzz.c - fuzz target of what pages say: lines that come, break, are taken up again, by two
 * sessions of a browser, with the built-in brain and a server of tools behind. The input is a
 * program. What a page is told is JSON, each start has one end, and no conversation is taken up by
 * another session.
 */
#include "aid/scene.h"
#include "base/clock.h"
#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES 4u

struct line {
	struct frames *frames;
	char web[4];
	char chat[100];  /* as hello said */
	bool on;         /* a turn is */
	bool resumed;    /* one may be of which it does not know */
	struct buf told; /* of a message in several frames */
};

static struct line lines[LINES];
static const uint8_t *at, *end;

static unsigned
octet(void)
{
	return at < end ? *at++ : 0;
}

static struct str
some(void)
{
	size_t n = octet() | octet() << 8;
	struct str s = str_sub(str_of(at, (size_t)(end - at)), 0, n);

	at += s.n;
	return s;
}

/* ---- what a page is told ---- */

static void
on_hello(struct line *l, const cJSON *v)
{
	struct str chat = json_str(json_get(v, "chat"));
	const cJSON *resumed = json_get(v, "resumed");

	l->resumed = l->resumed || cJSON_IsTrue(resumed);
	/* Of the same session only, and that conversation. */
	for (size_t i = 0; i < LINES && cJSON_IsTrue(resumed); i++)
		if (&lines[i] != l && str_eq_z(chat, lines[i].chat)) {
			assume(strcmp(lines[i].web, l->web) == 0);
			lines[i].chat[0] = '\0';
		}
	assume(str_cz(chat, l->chat, sizeof(l->chat)) == 0);
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct line *l = arg;
	struct str type;
	bool of_turn;
	cJSON *v;

	assume(buf_str(&l->told, octets) == 0);
	if (kind == CHAT_PART)
		return;
	v = json_parse(buf_view(&l->told), 100000, NULL);
	buf_reset(&l->told);
	type = json_str(json_get(v, "type"));
	of_turn = json_get(v, "id") != NULL;
	assume(kind == CHAT_TEXT && v != NULL && type.n > 0);
	if (str_eq_z(type, "hello")) {
		on_hello(l, v);
	} else if (str_eq_z(type, "start")) {
		l->on = true;
	} else if (str_eq_z(type, "done")) {
		assume((l->on || l->resumed) && of_turn);
		l->on = false;
	} else if (str_eq_z(type, "error")) {
		/* One that was refused never began. */
		if (of_turn && !str_eq_z(json_str(json_get(v, "code")), "busy") &&
		    !str_eq_z(json_str(json_get(v, "code")), "invalid"))
			l->on = false;
	} else {
		assume((l->on || l->resumed) && of_turn);
	}
	cJSON_Delete(v);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct line *l = arg;

	(void)e;
	frames_free(&l->frames);
	l->on = false;
}

/* ---- what it says ---- */

static void
open_line(struct line *l, const char *web)
{
	static const struct frames_events events = {.frame = on_frame, .closed = on_closed};
	struct ipc_out m;
	int fd[2];

	frames_free(&l->frames);
	buf_free(&l->told);
	memset(l, 0, sizeof(*l));
	buf_init(&l->told, CHAT_OUT_MAX);
	(void)snprintf(l->web, sizeof(l->web), "%s", web);
	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	ipc_begin(&m, MSG_AID_OPEN);
	ipc_put_str(&m, STR(THE_KEY));
	ipc_put_z(&m, "alice@example.test");
	ipc_put_z(&m, web);
	ipc_put_z(&m, octet() % 2 ? "fr" : "en");
	ipc_put_z(&m, octet() % 4 == 3 ? "x" : "60");
	ipc_put_fd(&m, fd[1]);
	(void)ipc_call(scene.webd, &m, page_opened, NULL);
	l->frames = frames_new(fd[0], &events, l);
}

static void
say(struct line *l, unsigned kind, struct str octets)
{
	if (l->frames != NULL)
		frames_put(l->frames, kind, octets);
}

static void
ask(struct line *l)
{
	struct buf b;

	buf_init(&b, FRAMES_MAX);
	buf_printf(&b, "{\"type\":\"ask\",\"id\":\"%u\",\"text\":", octet() % 4);
	json_print_str(str_sub(some(), 0, 1000), &b);
	buf_printf(&b, ",\"context\":{\"emailId\":\"e%u\"}}", octet());
	if (!b.over)
		say(l, CHAT_TEXT, buf_view(&b));
	buf_free(&b);
}

static void
resume(struct line *l)
{
	unsigned what;
	struct buf b;

	buf_init(&b, 1000);
	buf_puts(&b, "{\"type\":\"resume\",\"chat\":");
	json_print_str(str_z(lines[octet() % LINES].chat), &b);
	what = octet();
	buf_printf(&b, ",\"turn\":\"%u\",\"all\":%s}", what % 4, what & 8 ? "true" : "false");
	say(l, CHAT_TEXT, buf_view(&b));
	buf_free(&b);
}

static void
operate(void)
{
	static const char *const others[] = {"{\"type\":\"new\"}",
	    "{\"type\":\"provider\",\"name\":\"builtin\"}", "{\"type\":\"cancel\",\"id\":\"1\"}",
	    "{\"type\":\"cancel\",\"id\":\"0\"}"};
	unsigned what = octet();
	struct line *l = &lines[octet() % LINES];

	switch (what % 10) {
	case 0:
		open_line(l, octet() % 3 == 2 ? "w2" : "w1");
		break;
	case 1:
		say(l, CHAT_TEXT, some());
		break;
	case 2:
	case 3:
		ask(l);
		break;
	case 4:
		say(l, CHAT_TEXT, str_z(others[octet() % ARRAY_LEN(others)]));
		break;
	case 5:
		resume(l);
		break;
	case 6:
		frames_free(&l->frames);
		buf_reset(&l->told);
		l->on = false;
		break;
	case 7:
		say(l, octet() % 8 ? CHAT_GONE : octet() % 255 + 1, some());
		break;
	case 8:
		if (octet() % 2)
			stream_free(&scene.server);
		else
			scene.away = !scene.away;
		break;
	case 9:
		clock_advance(octet() * 2000u);
		break;
	}
	for (unsigned i = what / 32; i > 0; i--)
		loop_once(0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	at = data;
	end = data + size;
	log_set_level(LOG_LEVEL_ERROR);
	assume(scene_up(NULL) == 0);
	scene.loose = true;
	memset(lines, 0, sizeof(lines));
	while (at < end)
		operate();
	for (unsigned i = 0; i < LINES; i++) {
		say(&lines[i], CHAT_GONE, STR(""));
		loop_once(0);
		frames_free(&lines[i].frames);
		buf_free(&lines[i].told);
	}
	/* What was kept for who may come back, and turns under way. */
	for (int i = 0; i < 10; i++) {
		clock_advance(600000);
		loop_once(0);
		loop_once(0);
	}
	assume(scene_down(NULL) == 0);
	return 0;
}
