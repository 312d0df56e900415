/*
 * scene.h - for unit tests and fuzz targets: gk-statd without its main.c, among a scripted master,
 * gk-authd, gk-dnsd and gk-connect that answer, refuse, are silent or make no sense.
 */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "net/dns.h"
#include "statd/statd.h"
#include "svc/svc.h"

#define SCENE_SERVERS 16u

enum scene_mode {
	SCENE_ANSWERS,
	SCENE_REFUSES,
	SCENE_SILENT,
	SCENE_NONSENSE /* a reply that does not fit its row; the channel ends */
};

static struct {
	struct conf *conf;
	struct ipc_chan *to[4], *of[4];
	enum scene_mode master, authd, connect;
	enum dns_status dns;
	const struct str *processes, *listeners, *disks, *certificates, *mailboxes;
	size_t nprocesses, nlisteners, ndisks, ncertificates, nmailboxes;
	bool draining;
	bool gone;             /* the listener that STAT_PROBE asks for */
	unsigned asked, tried; /* STAT_STATE, STAT_USERS */
	uint64_t users;        /* 4, unless a test says otherwise */
	/* Of connections that gk-statd was handed: our ends, and what listener each is of. */
	int servers[SCENE_SERVERS];
	char names[SCENE_SERVERS][24];
	size_t nservers;
	int pages[2];
} scene;

static const enum ipc_peer scene_peers[4] = {PEER_MASTER, PEER_AUTHD, PEER_DNSD, PEER_CONNECT};

/* ---- in place of svc.c ---- */

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	for (size_t i = 0; i < 4; i++)
		if (scene_peers[i] == peer)
			return scene.to[i];
	return NULL;
}

const struct conf *
svc_conf(void)
{
	return scene.conf;
}

int
svc_take_file(const char *name)
{
	if (strcmp(name, "page.0") == 0 || strcmp(name, "page.7") == 0)
		return dup(scene.pages[name[5] == '7']);
	return -1;
}

/* ---- the others ---- */

static void
scene_state(struct ipc_out *out)
{
	ipc_begin(out, MSG_STAT_STATE_R);
	ipc_put_u32(out, scene.draining);
	ipc_put_list(out, scene.processes, scene.nprocesses);
	ipc_put_list(out, scene.listeners, scene.nlisteners);
	ipc_put_list(out, scene.disks, scene.ndisks);
	ipc_put_list(out, scene.certificates, scene.ncertificates);
}

/* A new connection, whose other end is the scene's. */
static int
scene_server(struct str name)
{
	int fd[2];

	assume(scene.nservers < SCENE_SERVERS);
	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	snprintf(scene.names[scene.nservers], sizeof(scene.names[0]), STR_FMT, STR_ARG(name));
	scene.servers[scene.nservers++] = fd[0];
	return fd[1];
}

/* What is answered to a call, as one of the scene's kinds. */
static void
scene_answer(struct ipc_chan *c, struct ipc_in *m, struct str name)
{
	const struct dns_answer dns = {.status = scene.dns, .why = STR("nobody answers")};
	struct ipc_out out;

	if (m->type == MSG_STAT_STATE) {
		scene_state(&out);
	} else if (m->type == MSG_STAT_USERS) {
		ipc_begin(&out, MSG_STAT_USERS_R);
		ipc_put_u64(&out, scene.users);
		ipc_put_u64(&out, 1000);
		ipc_put_u64(&out, 7);
		ipc_put_list(&out, scene.mailboxes, scene.nmailboxes);
	} else if (m->type == MSG_DNS_ASK) {
		dns_answer_put(&out, &dns);
	} else if (m->type == MSG_STAT_PROBE) {
		ipc_begin(&out, MSG_STAT_PROBE_R);
		ipc_put_fd(&out, scene_server(name));
	} else {
		ipc_begin(&out, MSG_PROVIDER_OPEN_R);
		ipc_put_z(&out, "127.0.0.1:11434");
		ipc_put_fd(&out, scene_server(STR("llm")));
	}
	ipc_reply(c, m->id, &out);
}

static void
scene_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	const struct err refusal = {.code = E_TEMP, .text = "not now"};
	const struct err no_such = {.code = E_NOTFOUND, .text = "no such listener"};
	enum scene_mode mode = m->type == MSG_STAT_USERS      ? scene.authd
			       : m->type == MSG_PROVIDER_OPEN ? scene.connect
			       : m->type == MSG_DNS_ASK       ? SCENE_ANSWERS
							      : scene.master;
	struct ipc_out out;
	struct str listener;
	char name[24] = "";

	(void)arg;
	scene.asked += m->type == MSG_STAT_STATE;
	scene.tried += m->type == MSG_STAT_USERS;
	if (m->type == MSG_DNS_ASK) {
		(void)ipc_get_str(m);
		(void)ipc_get_u32(m);
		(void)ipc_get_u32(m);
	} else if (m->type == MSG_STAT_PROBE) {
		listener = ipc_get_str(m);
		snprintf(name, sizeof(name), STR_FMT, STR_ARG(listener));
		(void)ipc_get_str(m);
	} else if (m->type == MSG_STAT_USERS) {
		(void)ipc_get_u32(m);
	}
	assume(ipc_end(m) == 0);
	if (mode == SCENE_ANSWERS && m->type == MSG_STAT_PROBE && scene.gone) {
		ipc_reply_error(c, m->id, &no_such);
	} else if (mode == SCENE_ANSWERS) {
		scene_answer(c, m, str_z(name));
	} else if (mode == SCENE_REFUSES) {
		ipc_reply_error(c, m->id, &refusal);
	} else if (mode == SCENE_NONSENSE) {
		/* The right reply, of which all fields are missing. */
		ipc_begin(&out, (enum ipc_type)(m->type + 1));
		out.fields += strlen(out.fields);
		ipc_reply(c, m->id, &out);
	}
}

/* Asked nothing, statd's side of a channel has no word of its own. */
static void
scene_none(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)m;
	assume(c == NULL); /* nobody says anything to gk-statd unasked */
}

static void
scene_pair(size_t i)
{
	int fd[2];

	assume(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	ipc_free(&scene.of[i]);
	scene.of[i] = ipc_new(fd[1], scene_peers[i], PEER_STATD, scene_message, NULL, NULL);
	if (scene.to[i] == NULL)
		scene.to[i] = ipc_new(fd[0], PEER_STATD, scene_peers[i], scene_none, NULL, NULL);
	else
		ipc_attach(scene.to[i], fd[0]);
}

/* ---- up ---- */

static void
scene_conf(const char *toml)
{
	struct conf *old = scene.conf;
	struct err e;

	assume((scene.conf = conf_parse(str_z(toml), "scene", &e)) != NULL);
	conf_free(&old);
}

static inline void
scene_hang_up(void)
{
	for (size_t i = 0; i < scene.nservers; i++)
		if (scene.servers[i] >= 0)
			close(scene.servers[i]);
	scene.nservers = 0;
}

/* Once in a program: gk-statd's own state is static. */
static void
scene_up(const char *toml)
{
	struct err e;

	scene.users = 4;
	log_set_level(LOG_LEVEL_ERROR);
	scene_conf(toml);
	assume(loop_init(&e) == 0);
	for (size_t i = 0; i < 2; i++)
		assume((scene.pages[i] = metrics_create(&e)) >= 0);
	for (size_t i = 0; i < 4; i++)
		scene_pair(i);
	pages_init();
	state_init();
	assume(probe_init(&e) == 0 && http_configure(&e) == 0);
}
