/*
 * main.c - gkmail: finds the verb, runs it, says what went wrong.
 *
 * Exit 0 done, 1 refused or failed, 2 wrong use, 75 try again later.
 */
#include <sodium.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/num.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "svc/build.h"
#include "svc/conf.h"

static void
help_all(FILE *f)
{
	fputs("usage: gkmail [--config FILE | --dir DIR] [--json] VERB ...\n\n", f);
	for (size_t i = 0; i < nverbs; i++) {
		char name[32];

		snprintf(
		    name, sizeof(name), "%s %s", verbs[i].noun, verbs[i].name ? verbs[i].name : "");
		fprintf(f, "  %-19s%s\n", name, verbs[i].summary);
	}
	fprintf(f,
	    "\n  --config FILE   the configuration (%s, or $GKMAIL_CONFIG)\n"
	    "  --dir DIR       talk to the sandbox that runs in DIR\n"
	    "  --json          answer in JSON\n"
	    "  --help          about a verb: gkmail user add --help\n",
	    build_config_path());
}

static void
help_verb(const struct verb *v)
{
	printf("gkmail %s%s%s: %s\n\nusage: gkmail %s%s%s %s\n\n%s", v->noun, v->name ? " " : "",
	    v->name ? v->name : "", v->summary, v->noun, v->name ? " " : "", v->name ? v->name : "",
	    v->usage, v->help);
}

#define VERBS_MAX 80u

/* " ; did you mean list?", for a word that is no verb of noun (NULL: no noun). */
static const char *
did_you_mean(const char *word, const char *noun)
{
	const char *known[VERBS_MAX], *found;

	assume(nverbs <= VERBS_MAX);
	for (size_t i = 0; i < nverbs; i++)
		known[i] = noun == NULL                       ? verbs[i].noun
			   : strcmp(verbs[i].noun, noun) == 0 ? verbs[i].name
							      : NULL;
	found = conf_suggest_word(str_z(word), known, nverbs);
	return found != NULL ? arena_printf(&ctl.arena, "; did you mean %s?", found).p : "";
}

/* "gkmail user": its verbs. */
static int
help_noun(const char *noun, const char *word)
{
	fprintf(stderr, "gkmail %s: ", noun);
	if (word == NULL || word[0] == '-')
		fputs("a verb is missing\n\n", stderr);
	else
		fprintf(stderr, "there is no verb \"%.40s\"%s\n\n", word, did_you_mean(word, noun));
	for (size_t i = 0; i < nverbs; i++)
		if (strcmp(verbs[i].noun, noun) == 0)
			fprintf(stderr, "  gkmail %s %s %s\n        %s\n", noun, verbs[i].name,
			    verbs[i].usage, verbs[i].summary);
	return EXIT_USAGE;
}

static const struct verb *
find_verb(const char *noun, const char *name, bool *is_noun)
{
	for (size_t i = 0; i < nverbs; i++) {
		if (strcmp(verbs[i].noun, noun) != 0)
			continue;
		*is_noun = verbs[i].name != NULL;
		if (verbs[i].name == NULL || (name != NULL && strcmp(verbs[i].name, name) == 0))
			return &verbs[i];
	}
	return NULL;
}

/* The options that every verb takes; `sandbox` alone has --dir and --config as its own. */
static void
global_options(bool before_verb)
{
	const char *v;

	ctl.json = args_flag("--json") || ctl.json;
	if (!before_verb && ctl.verb != NULL && strcmp(ctl.verb->noun, "sandbox") == 0)
		return;
	while ((v = args_value("--config")) != NULL)
		ctl.config = v;
	while ((v = args_value("--dir")) != NULL)
		ctl.dir = v;
}

/* What stands before the verb is taken apart by itself, so that `gkmail --dir X sandbox` keeps its
 * meaning. */
static int
before_verb(int argc, char **argv)
{
	int n = 1;

	while (n < argc && argv[n][0] == '-' && strcmp(argv[n], "--help") != 0 &&
	       strcmp(argv[n], "--version") != 0)
		n += strcmp(argv[n], "--config") == 0 || strcmp(argv[n], "--dir") == 0 ? 2 : 1;
	return num_min(n, argc);
}

static int
explain(const struct err *e)
{
	struct json j;

	fprintf(stderr, "gkmail: ");
	out_str(stderr, str_z(e->text));
	fputc('\n', stderr);
	if (args_is_wrong_use(e) && ctl.verb != NULL)
		fprintf(stderr, "usage: gkmail %s%s%s%s%s\n", ctl.verb->noun,
		    ctl.verb->name ? " " : "", ctl.verb->name ? ctl.verb->name : "",
		    ctl.verb->usage[0] ? " " : "", ctl.verb->usage);
	else if (args_is_wrong_use(e))
		fputs("gkmail --help lists the verbs and their options\n", stderr);
	if (ctl.json) {
		json_init(&j);
		json_open(&j, NULL, '{');
		json_open(&j, "error", '{');
		json_z(&j, "code", err_code_name(e->code));
		json_z(&j, "text", e->text);
		json_close(&j, '}');
		json_close(&j, '}');
		json_print(&j);
	}
	if (args_is_wrong_use(e))
		return EXIT_USAGE;
	return e->code == E_TEMP || e->code == E_TIMEOUT || e->code == E_CLOSED ||
		       e->code == E_NOSPACE
		   ? EXIT_LATER
		   : EXIT_FAIL;
}

static int
run(int argc, char **argv, struct err *e)
{
	bool is_noun = false, help;
	const char *noun;

	if (argc < 1) {
		help_all(stderr);
		return EXIT_USAGE;
	}
	noun = argv[0];
	if (strcmp(noun, "--help") == 0 || strcmp(noun, "help") == 0 || strcmp(noun, "-h") == 0) {
		help_all(stdout);
		return EXIT_DONE;
	}
	if (strcmp(noun, "--version") == 0)
		noun = "version";
	ctl.verb = find_verb(noun, argc > 1 ? argv[1] : NULL, &is_noun);
	if (ctl.verb == NULL && is_noun)
		return help_noun(noun, argc > 1 ? argv[1] : NULL);
	if (ctl.verb == NULL)
		return args_wrong(
		    e, "there is no verb \"%.40s\"%s", noun, did_you_mean(noun, NULL));
	ctl.args = argv + (is_noun ? 2 : 1);
	ctl.nargs = argc - (is_noun ? 2 : 1);
	help = args_flag("--help");
	global_options(false);
	if (help) {
		help_verb(ctl.verb);
		return EXIT_DONE;
	}
	return ctl.verb->run(e);
}

int
main(int argc, char **argv)
{
	int first = before_verb(argc, argv), rc;
	struct err e = {0};

	if (sodium_init() < 0)
		return EXIT_FAIL;
	arena_init(&ctl.arena);
	ctl.config = getenv("GKMAIL_CONFIG");
	if (ctl.config == NULL || ctl.config[0] == '\0')
		ctl.config = build_config_path();
	ctl.args = argv + 1;
	ctl.nargs = first - 1;
	global_options(true);
	if (args_end(0, 0, &e) < 0)
		return explain(&e);
	rc = run(argc - first, argv + first, &e);
	return rc < 0 ? explain(&e) : rc;
}
