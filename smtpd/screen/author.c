/* author.c - who a message says that it is from. See author.h. */
#include "smtpd/screen/author.h"

#include "mail/addrlist.h"
#include "mail/header.h"
#include "net/idna.h"

/* The one From field. */
static int
find_from(struct str header, struct header_field *from, struct err *e)
{
	struct header_field f;
	size_t n = 0;

	while (header_next(&header, &f)) {
		if (str_ieq_z(f.name, "From")) {
			*from = f;
			n++;
		}
	}
	if (n == 0)
		return err_set(e, E_INVAL, "no From field");
	return n == 1 ? 0 : err_set(e, E_INVAL, "%zu From fields", n);
}

int
author_domain(struct str header, struct arena *a, struct str *domain, struct err *e)
{
	struct header_field from;
	struct addrlist list;
	struct str one;

	*domain = STR_NONE;
	if (find_from(header, &from, e) < 0)
		return -1;
	addrlist_parse(header_unfold(from.value, a), a, &list);
	for (size_t i = 0; i < list.n; i++) {
		if (list.v[i].host.p == NULL)
			continue; /* a group's beginning or end */
		if (idna_to_ascii(str_trim(list.v[i].host), a, &one, e) < 0)
			return err_wrap(e, "From");
		if (domain->n > 0 && !str_eq(*domain, one))
			return err_set(e, E_INVAL, "authors of several domains");
		*domain = one;
	}
	return domain->n > 0 ? 0 : err_set(e, E_INVAL, "no address in From");
}
