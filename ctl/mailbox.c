/* mailbox.c - gkmail mailbox. */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/client.h"
#include "ctl/output.h"

struct answer {
	uint64_t messages, found, mended;
	struct str *rows; /* mailbox, text */
	uint32_t n;
};

static int
ask(enum mailbox_task task, struct answer *a, struct err *e)
{
	struct ipc_out m;
	struct ipc_in in;

	if (args_end(1, 1, e) < 0 || args_whose(e) < 0)
		return -1;
	ipc_begin(&m, MSG_MAILBOX_TASK);
	ipc_put_z(&m, ctl.args[0]);
	ipc_put_u32(&m, task);
	if (client_call("mailboxd", &m, &in, e) < 0)
		return -1;
	a->messages = ipc_get_u64(&in);
	a->found = ipc_get_u64(&in);
	a->mended = ipc_get_u64(&in);
	a->n = ipc_get_list(&in);
	a->rows = arena_array(&ctl.arena, (size_t)a->n + 1, sizeof(*a->rows));
	for (uint32_t i = 0; i < a->n; i++)
		a->rows[i] = ipc_get_item(&in);
	return ipc_end(&in) < 0 ? err_set(e, E_PROTO, "unreadable answer") : 0;
}

static void
print_json(const struct answer *a)
{
	struct json j;

	json_init(&j);
	json_open(&j, NULL, '{');
	json_num(&j, "messages", a->messages);
	json_num(&j, "found", a->found);
	json_num(&j, "mended", a->mended);
	json_open(&j, "findings", '[');
	for (uint32_t i = 0; i + 1 < a->n; i += 2) {
		json_open(&j, NULL, '{');
		json_str(&j, "mailbox", a->rows[i]);
		json_str(&j, "text", a->rows[i + 1]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_print(&j);
}

static void
print_text(const struct answer *a, bool mend)
{
	for (uint32_t i = 0; i + 1 < a->n; i += 2) {
		out_str(stdout, a->rows[i]);
		fputs(a->rows[i].n > 0 ? ": " : "", stdout);
		out_str(stdout, a->rows[i + 1]);
		putchar('\n');
	}
	if (a->found > a->n / 2)
		printf("... and %" PRIu64 " more\n", a->found - a->n / 2);
	printf("%" PRIu64 " messages, ", a->messages);
	if (a->found == 0)
		puts("all is well");
	else if (mend)
		printf("%" PRIu64 " differences, %" PRIu64 " mended\n", a->found, a->mended);
	else
		printf("%" PRIu64 " differences\n", a->found);
}

static int
check(enum mailbox_task task, struct err *e)
{
	struct answer a;

	if (ask(task, &a, e) < 0)
		return -1;
	if (ctl.json)
		print_json(&a);
	else
		print_text(&a, task == MAILBOX_REPAIR);
	return a.found > a.mended ? EXIT_FAIL : 0;
}

int
verb_mailbox_check(struct err *e)
{
	return check(MAILBOX_CHECK, e);
}

int
verb_mailbox_repair(struct err *e)
{
	return check(MAILBOX_REPAIR, e);
}

int
verb_mailbox_reindex(struct err *e)
{
	struct answer a;

	if (ask(MAILBOX_REINDEX, &a, e) < 0)
		return -1;
	if (ctl.json)
		print_json(&a);
	else
		printf("%" PRIu64 " messages\n", a.messages);
	return 0;
}
