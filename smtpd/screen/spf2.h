/*
 * spf2.h - SPF by libspf2, behind the interface of our own evaluator (sender/spf.h).
 *
 * For screen.spf_engine = "libspf2", and the second opinion of differential tests. It asks the same
 * facts, and SPF_WAIT means the same. What it does otherwise than RFC 7208 is its own: Debian's
 * 1.2.10 answers some of the public cases wrongly (tests/conformance/test_spf2.py lists them with
 * reasons), which is why it is not the default. The answer has no mechanism, which the library does
 * not tell, and no explanation, whose macros it leaves as they are.
 *
 * An inner contradiction of the library aborts the process: it is to run in gk-screen alone.
 */
#pragma once

#include "sender/spf.h"

enum spf_result spf2_check(const struct spf_query *q, struct facts *f, struct spf_answer *out);
