/* completion.c - gkmail completion: a bash script from the table of verbs. */
#include <stdio.h>

#include "ctl/ctl.h"
#include "ipc/msg.h"

/* The options that stand in a usage: words that begin with "--". */
static void
print_options(const char *usage)
{
	struct str rest = str_z(usage), word;
	bool more;

	do {
		more = str_cut(&rest, ' ', &word);
		while (word.n > 0 && (word.p[0] == '[' || word.p[0] == '|'))
			word = str_from(word, 1);
		while (word.n > 0 && !is_alnum(word.p[word.n - 1]))
			word.n--;
		if (str_starts(word, STR("--")))
			printf(" " STR_FMT, STR_ARG(word));
	} while (more);
}

/* Who writes lines of the log. */
static void
print_daemons(void)
{
	const char *gap = "";

	for (unsigned bit = 1; bit != 0; bit <<= 1)
		if (((PEER_MASTER | PEER_DAEMON) & bit) != 0) {
			printf("%s%s", gap, ipc_peer_name((enum ipc_peer)bit));
			gap = " ";
		}
}

static bool
first_of_noun(size_t i)
{
	return i == 0 || strcmp(verbs[i].noun, verbs[i - 1].noun) != 0;
}

static void
print_verb(size_t i)
{
	if (verbs[i].name == NULL && !first_of_noun(i))
		return; /* its options stand with the verbs of the noun */
	if (verbs[i].name == NULL)
		printf("\t%s)", verbs[i].noun);
	else
		printf("\t'%s %s')", verbs[i].noun, verbs[i].name);
	printf(" words='");
	printf("--help --json");
	print_options(verbs[i].usage);
	printf("' ;;\n");
}

int
verb_completion(struct err *e)
{
	if (args_end(0, 0, e) < 0)
		return -1;
	fputs(
	    "# bash completion for gkmail, as `gkmail completion` prints it\n"
	    "_gkmail() {\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} noun='' "
	    "verb='' words='' i\n"
	    "\tCOMPREPLY=()\n"
	    "\tcase $prev in\n"
	    "\t--config) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
	    "\t--dir) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
	    "\t--level) COMPREPLY=($(compgen -W 'error warn info debug' -- \"$cur\")); return ;;\n"
	    "\t--daemon) COMPREPLY=($(compgen -W '",
	    stdout);
	print_daemons();
	puts("' -- \"$cur\")); return ;;\n"
	     "\tesac\n"
	     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	     "\t\tcase ${COMP_WORDS[i]} in\n"
	     "\t\t--config | --dir) ((i++)) ;;\n"
	     "\t\t-*) ;;\n"
	     "\t\t*) if [ -z \"$noun\" ]; then noun=${COMP_WORDS[i]}; elif [ -z \"$verb\" ]; then "
	     "verb=${COMP_WORDS[i]}; fi ;;\n"
	     "\t\tesac\n"
	     "\tdone");
	printf("\tcase \"$noun${verb:+ $verb}\" in\n\t'') words='--config --dir --json --help");
	for (size_t i = 0; i < nverbs; i++)
		if (first_of_noun(i))
			printf(" %s", verbs[i].noun);
	puts("' ;;");
	for (size_t i = 0; i < nverbs; i++) {
		if (verbs[i].name != NULL && first_of_noun(i)) {
			printf("\t%s) words='--help", verbs[i].noun);
			for (size_t k = i; k < nverbs && strcmp(verbs[k].noun, verbs[i].noun) == 0;
			     k++) {
				if (verbs[k].name != NULL)
					printf(" %s", verbs[k].name);
				else
					print_options(verbs[k].usage);
			}
			puts("' ;;");
		}
		print_verb(i);
	}
	puts("\tesac\n"
	     "\tcase $noun in\n"
	     "\tsetup | log | status | sandbox | reload | check | version)\n"
	     "\t\t[ -n \"$words\" ] || words=\"--help --json\" ;;\n"
	     "\tesac\n"
	     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	     "\tif [ \"$noun\" = check ]; then COMPREPLY+=($(compgen -f -- \"$cur\")); fi\n"
	     "}\n"
	     "complete -F _gkmail gkmail");
	return 0;
}
