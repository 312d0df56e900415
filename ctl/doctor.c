/* doctor.c - gkmail doctor: what is wrong, and what to do about it. */
#include "ctl/doctor.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "ctl/asked.h"
#include "ctl/client.h"
#include "ctl/dns_records.h"
#include "ctl/health.h"
#include "ctl/output.h"

static struct {
	struct json json;
	unsigned count[3];
} self;

static const char *const names[] = {"ok", "warn", "fail"};

void
doctor_say(enum finding f, const char *what, const char *remedy, const char *fmt, ...)
{
	struct str text;
	struct buf b;
	va_list ap;

	buf_init(&b, 8192);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text = arena_dup(&ctl.arena, buf_view(&b));
	buf_free(&b);
	self.count[f]++;
	if (ctl.json) {
		json_open(&self.json, NULL, '{');
		json_z(&self.json, "status", names[f]);
		json_z(&self.json, "what", what);
		json_str(&self.json, "text", text);
		if (remedy != NULL)
			json_z(&self.json, "remedy", remedy);
		json_close(&self.json, '}');
		return;
	}
	printf("%-4s  %-11s ", names[f], what);
	out_str(stdout, text);
	putchar('\n');
	if (remedy != NULL) {
		fputs("                  -> ", stdout);
		out_str(stdout, str_z(remedy));
		putchar('\n');
	}
	fflush(stdout);
}

void
doctor_begin(void)
{
	json_init(&self.json);
	json_open(&self.json, NULL, '[');
}

struct str
doctor_found(void)
{
	struct str text;

	json_close(&self.json, ']');
	text = arena_dup(&ctl.arena, buf_view(&self.json.b));
	buf_free(&self.json.b);
	return text;
}

/* ---- health ---- */

/* What begins with it; the first that fits. */
static const char *
remedy_for(const char *check)
{
	static const struct {
		const char *check, *remedy;
	} all[] = {
	    {"process:",
		"gkmail log says why it ended; gkmail check whether the configuration is at fault"},
	    {"disk:", "make room below server.data_dir: gkmail user list shows who has how much"},
	    {"certificate:", "renew it, then gkmail reload"},
	    {"queue:", "gkmail queue list says where mail waits to go, and why"},
	    {"dns:", "look whether port 53 outwards is open, or set dns.upstreams"},
	    {"llm:",
		"look whether the model's server runs at assistant.url; mail is not concerned"},
	    {"accounts:", "gkmail log says what gk-authd complains of"},
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (str_starts(str_z(check), str_z(all[i].check)))
			return all[i].remedy;
	return "gkmail log says what the process behind it complains of";
}

static void
health_one(void *arg, const char *name, const cJSON *check)
{
	struct str status = asked_str(check, "status");
	enum finding f = str_eq_z(status, "pass")   ? FINDING_OK
			 : str_eq_z(status, "warn") ? FINDING_WARN
						    : FINDING_FAIL;
	struct str what = asked_str(check, "componentId"), why = asked_str(check, "output");

	(void)arg;
	if (f != FINDING_OK)
		doctor_say(f, "health", remedy_for(name), "%s " STR_FMT "%s" STR_FMT, name,
		    STR_ARG(what), what.n > 0 ? ": " : "", STR_ARG(why));
}

static void
health(void)
{
	struct health h;
	struct err e;

	if (health_get(&h, &e) < 0) {
		doctor_say(FINDING_FAIL, "health", "gkmail status shows what runs", "%s", e.text);
		return;
	}
	health_each(&h, health_one, NULL);
	if (str_eq_z(asked_str(h.v, "status"), "pass"))
		doctor_say(FINDING_OK, "health", NULL, "all that gk-statd looks at is well");
}

/* ---- DNS ---- */

static void
dns_one(void *arg, const struct dns_found *f)
{
	unsigned *bad = arg;
	const char *remedy;

	if (f->ok) {
		doctor_say(FINDING_OK, "dns", NULL, "%s of " STR_FMT, f->what, STR_ARG(f->name));
		return;
	}
	++*bad;
	remedy = arena_printf(&ctl.arena, "serve: " STR_FMT, STR_ARG(f->record)).p;
	doctor_say(f->bad ? FINDING_FAIL : FINDING_WARN, "dns", remedy,
	    "%s of " STR_FMT " is %s%s" STR_FMT, f->what, STR_ARG(f->name), f->status,
	    f->why.n > 0 ? ": " : "", STR_ARG(f->why));
}

static int
summary(void)
{
	if (ctl.json) {
		struct str all = doctor_found();

		printf(STR_FMT "\n", STR_ARG(all));
	} else {
		printf("\n%u well, %u to look at, %u wrong\n", self.count[FINDING_OK],
		    self.count[FINDING_WARN], self.count[FINDING_FAIL]);
	}
	return self.count[FINDING_FAIL] > 0 ? EXIT_FAIL : EXIT_DONE;
}

int
verb_doctor(struct err *e)
{
	bool online = !args_flag("--offline"), open;
	const struct conf *c;
	struct status s;
	unsigned bad = 0;

	if (args_end(0, 0, e) < 0 || (c = client_conf(e)) == NULL ||
	    status_get(&s, &ctl.arena, e) < 0)
		return -1;
	doctor_begin();
	health();
	doctor_clock();
	if (doctor_files(e) < 0 || doctor_ports(&s, online, e) < 0)
		return -1;
	doctor_tls(&s, conf_z(c, CONF_SERVER_HOST_NAME));
	doctor_relay(&s);
	if (online && (doctor_outgoing(c, &open, e) < 0 || dns_check_each(dns_one, &bad, e) < 0))
		return -1;
	return summary();
}
