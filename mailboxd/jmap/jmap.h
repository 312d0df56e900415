/*
 * jmap.h - JMAP (RFC 8620, 8621) inside the owner process: the contract of this folder's files.
 *
 * One struct jmap serves a user's home for as long as the owner lives. A request is text in, text
 * out (jmap_request_new); its methods run one after the other, each a function of a table that is
 * called until it says that it is done. In between, other connections of the user have their turn.
 * A type of objects is a struct jmap_object: what the standard methods of RFC 8620 5 need to know
 * of it. Objects are named by numbers inside, by text outside.
 *
 * Errors: what the client did wrong is part of the answer, by the names of the RFCs. What the store
 * or the system did is logged here and said as serverFail.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"
#include "ipc/pipe.h"
#include "store/change.h"
#include "store/folder.h"
#include "store/home.h"
#include "json/json.h"

/* RFC 8620 2, urn:ietf:params:jmap:core */
#define JMAP_MAX_UPLOAD    (50u << 20)
#define JMAP_MAX_UPLOADS   4u /* at a time */
#define JMAP_MAX_REQUEST   10000000u
#define JMAP_MAX_REQUESTS  8u /* at a time */
#define JMAP_MAX_CALLS     32u
#define JMAP_MAX_GET       500u
#define JMAP_MAX_SET       1000u
#define JMAP_MAX_ANSWER    (64u << 20) /* octets of a response */
#define JMAP_SLICE_US      4000u
#define JMAP_MAX_QUERY     10000u /* ids in the answer to a query */
#define JMAP_MAILBOX_DEPTH FOLDER_DEPTH_MAX
#define JMAP_MAILBOX_NAME  FOLDER_COMPONENT_MAX
#define JMAP_ID_SIZE       40

#define JMAP_CORE       "urn:ietf:params:jmap:core"
#define JMAP_MAIL       "urn:ietf:params:jmap:mail"
#define JMAP_SUBMISSION "urn:ietf:params:jmap:submission"
#define JMAP_VACATION   "urn:ietf:params:jmap:vacationresponse"
#define JMAP_WEBSOCKET  "urn:ietf:params:jmap:websocket"
/* Ours (docs/adr/33). */
#define JMAP_PREFERENCES "urn:x-gkmail:preferences"
#define JMAP_APPROVAL    "urn:x-gkmail:approval"
/* docs/adr/35 */
#define JMAP_AGENTS "urn:x-gkmail:agents"
#define JMAP_TRACE  "urn:x-gkmail:trace"

/* Types that have a state (RFC 8620 7.1). */
enum jmap_type {
	JMAP_MAILBOX,
	JMAP_THREAD,
	JMAP_EMAIL,
	JMAP_EMAIL_DELIVERY,
	JMAP_IDENTITY,
	JMAP_EMAIL_SUBMISSION,
	JMAP_VACATION_RESPONSE,
	JMAP_PREFERENCES_TYPE,
	JMAP_APPROVAL_TYPE,
	JMAP_TYPES
};

const char *jmap_type_name(enum jmap_type t);
/* JMAP_TYPES: none. */
enum jmap_type jmap_type_by_name(struct str name);

/* ---- the outside: what the owner process sees ---- */

struct jmap;
struct jmap_request;
struct jmap_model;    /* model.h */
struct jmap_indexing; /* indexing.h */
struct jmap_outside;
struct jmap_state_of_sending; /* sending.h */
struct jmap_vacation_run;     /* vacation.h */
struct jmap_following;        /* sending.h */

/* What the owner process provides. */
struct jmap_host {
	struct home *home;
	struct str user; /* the address; copied */
	/* A request has changed mail: connections of the user that are parked have something to
	 * hear. Optional. */
	void (*changed)(void *arg);
	/* Something is left to be done at that time (seconds since the epoch; 0: nothing), also by
	 * another owner when this one has ended. Optional. */
	void (*due)(void *arg, int64_t at);
	void *arg;
	/* Seconds that a submission may be put off (submission.max_hold); may change in j->host. */
	uint64_t max_delay_s;
	/* The user may write from any address (submission.sender_ownership, free_senders); may
	 * change too. */
	bool any_sender;
	/* Other daemons (outside.h); must hold. NULL: they are not there, and nothing is sent. */
	const struct jmap_outside *outside;
};

struct jmap *jmap_new(const struct jmap_host *host);
/* Requests are given up. */
void jmap_free(struct jmap **j);
/* What is left to be done, and when, may be other than it was (jmap_host.due). */
void jmap_due_changed(struct jmap *j);
/* Is there work to be done that nobody waits for? The owner stays then. */
bool jmap_is_busy(const struct jmap *j);

/* An agent (agent.h). */
struct jmap_agent {
	struct str name, session;
	uint32_t scopes, policy; /* ipc/agent.h */
};

/* Who asks. */
struct jmap_from {
	const struct jmap_agent *agent; /* NULL: the user */
	bool ours;                      /* the owner itself: not one of JMAP_MAX_REQUESTS */
	/* It does what an agent session has asked for and a human has approved: its changes bear
	 * that session. Only where it is ours. */
	struct str session;
	struct str sid;  /* session id, for the log and the change log */
	struct str peer; /* the client's address, for the log */
	bool websocket;  /* the Response says @type and requestId (RFC 8887 4.3.2) */
};

/* Runs a request (RFC 8620 3.3) and calls done once, never before it returns: status 200 and a
 * Response, or 400 and so on with a problem details object (RFC 8620 3.6.1, RFC 7807). The text is
 * not needed after the call; json holds during done, which may free the request. */
struct jmap_request *jmap_request_new(struct jmap *j, const struct jmap_from *from, struct str text,
    void (*done)(void *arg, unsigned status, struct str json), void *arg);
/* The same with a text that was parsed already (json_parse()), which is taken. */
struct jmap_request *jmap_request_new_tree(struct jmap *j, const struct jmap_from *from,
    cJSON *text, void (*done)(void *arg, unsigned status, struct str json), void *arg);
/* Gives it up when it is not done; what it has changed stays. */
void jmap_request_free(struct jmap_request **r);

/* A problem details object of a request-level error: type behind "urn:ietf:params:jmap:error:". */
void jmap_problem(
    struct buf *out, const char *type, unsigned status, const char *limit, const char *detail);

/* The session object (RFC 8620 2); base is "https://host:port", without a slash at the end. */
void jmap_session_object(struct jmap *j, struct str base, struct buf *out);

/* Who hears of new states (RFC 8620 7.1). Embedded. */
struct jmap_watch {
	/* Once a turn at most, when a type of `types` has a new state. text: a StateChange object
	 * with what has not been told to this one yet; push: where it stands now (pushState of RFC
	 * 8887 4.3.5.2, the id of an event). */
	void (*changed)(void *arg, struct str text, struct str push);
	void *arg;
	uint32_t types; /* bits: 1u << JMAP_EMAIL */
	/* private */
	uint64_t told[JMAP_TYPES];
	LIST_ENTRY(jmap_watch) link;
};

/* since: a push state told before, or empty: from now on. What has changed since is told soon. */
void jmap_watch(struct jmap *j, struct jmap_watch *w, struct str since);
void jmap_unwatch(struct jmap *j, struct jmap_watch *w);

/* ---- inside ---- */

struct jmap {
	struct home *home;
	struct str user;
	char account[PIPE_ACCOUNT];
	struct jmap_host host;
	/* private */
	struct jmap_state_of_sending *sending;
	struct jmap_vacation_run *vacation;
	struct jmap_following *following;
	struct jmap_model *model;
	struct jmap_indexing *indexing;
	struct jmap_backlog *backlog;
	struct {
		struct jmap_uploaded *by_id;
		uint64_t octets;
		size_t n, coming;
	} uploads;
	size_t running;
	LIST_HEAD(, jmap_request) requests;
	LIST_HEAD(, jmap_watch) watches;
	LIST_HEAD(, jmap_push) pushes;
	LIST_HEAD(, jmap_approving) approving;
	bool approvals_left; /* what became of one is not known; the next owner finds out */
	struct loop_defer tell;
	struct home_observer observer;
	uint64_t modseq[JMAP_TYPES]; /* of the last change of each type */
	char session_state[24];
	char agent_noted[17]; /* the session of an agent whose name the log has */
};

/* The user's emails, made at the first call and ready for this turn (model.h); NULL: e says why
 * not. */
struct jmap_model *jmap_emails(struct jmap *j, struct err *e);

/* Makes it for one slice. 1: it is made; 0: call again in the next turn; -1. */
int jmap_emails_load(struct jmap *j, struct err *e);

/* ---- a method ---- */

enum jmap_step {
	JMAP_DONE,  /* the result or the error is set */
	JMAP_YIELD, /* call again in the next turn */
	JMAP_WAIT,  /* jmap_continue() will be called */
	JMAP_LATER  /* of an object in a /set: it needs one that comes after it; see it->last */
};

struct jmap_call;
typedef enum jmap_step (*jmap_step_fn)(struct jmap_call *c);

struct jmap_method {
	const char *name;       /* "Mailbox/get" */
	const char *capability; /* that must be in `using` */
	jmap_step_fn run;       /* called first; may set c->step */
	const struct jmap_object *object;
	bool no_account; /* takes no accountId */
};

/* A method call that runs. */
struct jmap_call {
	struct jmap *jmap;
	struct home *home;
	struct jmap_request *request;
	const struct jmap_method *method;
	const struct change_by *by; /* for the change log; by->origin is the request */
	struct arena arena;         /* until it is done */
	cJSON *args;                /* an object, references resolved */
	cJSON *result;              /* an object, with accountId in it */
	jmap_step_fn step;          /* what is called next; the method's run at first */
	void *op;                   /* its state, in arena */
	void *extra;                /* state of get_begin() or set_begin(), in arena */
	/* Gives back what op holds, however the call ends. */
	void (*cleanup)(struct jmap_call *c);
	uint64_t began_us; /* this slice */
	/* private */
	uint64_t wanted;
	struct str *more;
	size_t nmore;
	struct home_waiter waiter;
	bool runnable, woken;
	const char *error; /* method-level error (RFC 8620 3.6.2) */
	struct str why;
	cJSON *error_more;
	struct str id; /* of the call */
};

/* Every method there is (methods.c). */
const struct jmap_method *jmap_method_find(struct str name);

/* A method-level error, instead of the result. For use as `return jmap_fail(c, …)`: JMAP_DONE. */
enum jmap_step jmap_fail(struct jmap_call *c, const char *type, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for an error of the store or the system. */
enum jmap_step jmap_fail_err(struct jmap_call *c, const struct err *e);
bool jmap_failed(const struct jmap_call *c);
/* A member of the error object beside type and description. Takes v. */
void jmap_fail_add(struct jmap_call *c, const char *name, cJSON *v);

/* Goes on with a method that returned JMAP_WAIT, at the end of this turn. */
void jmap_continue(struct jmap_call *c);
/* Runs the step that follows when everything done so far is durable (INVARIANTS 4). For use as
 * `return jmap_commit(c, step);` */
enum jmap_step jmap_commit(struct jmap_call *c, jmap_step_fn step);
/* How long a method runs before others have their turn (JMAP_SLICE_US; tests make it 0). */
extern unsigned jmap_slice_us;
/* Time to return JMAP_YIELD? To be asked when something was done, or nothing ever is. */
bool jmap_slice_over(const struct jmap_call *c);
/* The answer names threads: it waits until those that were found just now are durable, since they
 * may come out as others when they are found anew. */
void jmap_tells_threads(struct jmap_call *c);
/* A further call whose response follows this one's under the same call id (RFC 8621 4.7, 7.5). It
 * runs when this one is done, unless that fails. Takes args; accountId is added. */
void jmap_then(struct jmap_call *c, const char *method, cJSON *args);

/* ---- arguments; -1: the call has failed with invalidArguments ---- */

/* Only these arguments are there; names divided by spaces, accountId need not be named. */
int jmap_args_only(struct jmap_call *c, const char *names);
/* Absent and null read as STR_NONE (*there false); else a string. */
int jmap_arg_str(struct jmap_call *c, const char *name, struct str *out);
int jmap_arg_bool(struct jmap_call *c, const char *name, bool otherwise, bool *out);
/* UnsignedInt (RFC 8620 1.3), Int; *there may be NULL. */
int jmap_arg_uint(struct jmap_call *c, const char *name, uint64_t otherwise, uint64_t *out);
int jmap_arg_int(struct jmap_call *c, const char *name, int64_t otherwise, int64_t *out);
/* Absent and null: *out NULL. */
int jmap_arg_array(struct jmap_call *c, const char *name, const cJSON **out);
int jmap_arg_object(struct jmap_call *c, const char *name, const cJSON **out);

/* ---- ids ---- */

/* Is it an Id (RFC 8620 1.2)? */
bool jmap_id_valid(struct str s);
/* A creation id is known from now on, in this request and in its createdIds (RFC 8620 3.3, 5.3). */
void jmap_created(struct jmap_call *c, struct str creation_id, struct str id);
/* "#k1" as the id that was made for it, or STR_NONE when there is none; any other text as it is. */
struct str jmap_real_id(const struct jmap_call *c, struct str id);

/* ---- states ---- */

/* A point in the change log: everything up to modseq, and so many rows more. */
struct jmap_point {
	uint64_t modseq, rows;
};

struct jmap_state {
	char text[64];
};

/* Of a type, now. */
struct jmap_state jmap_state(struct jmap *j, enum jmap_type t);
struct jmap_state jmap_state_at(struct jmap *j, struct jmap_point at);
/* Of some types together (bits), as watches are told: pushState. */
struct jmap_state jmap_push_state(struct jmap *j, uint32_t types);
/* -1: the call has failed with cannotCalculateChanges (INVARIANTS 3). */
int jmap_state_parse(struct jmap_call *c, struct str text, struct jmap_point *out);

/* ---- types of objects and their standard methods (RFC 8620 5) ---- */

/* One object of a /set. */
struct jmap_item {
	enum jmap_what {
		JMAP_CREATE,
		JMAP_UPDATE,
		JMAP_DESTROY
	} what;
	struct str key;     /* creation id, or id */
	uint64_t id;        /* set by create() */
	const cJSON *given; /* the object, or the patch (RFC 8620 5.3) */
	cJSON *out;         /* an object: what the server set, or changed beside the patch */
	void *op;           /* state of a function that yields or waits; NULL at first */
	bool last;          /* nobody else gets on: JMAP_LATER is no answer any more */
	/* private */
	cJSON *error; /* a SetError */
	TAILQ_ENTRY(jmap_item) link;
};

/* A SetError (RFC 8620 5.3). For use as `return jmap_item_fail(…)`: JMAP_DONE. */
enum jmap_step jmap_item_fail(struct jmap_item *it, const char *type, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* invalidProperties, of one more property each time. */
enum jmap_step jmap_item_invalid(struct jmap_item *it, const char *property, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* An error of the store: overQuota, serverUnavailable, notFound, … */
enum jmap_step jmap_item_err(struct jmap_call *c, struct jmap_item *it, const struct err *e);
void jmap_item_add(struct jmap_item *it, const char *name, cJSON *v); /* a member of the SetError */
bool jmap_item_failed(const struct jmap_item *it);
/* The item of the same call whose object has that id or creation id "#k"; NULL: none. */
struct jmap_item *jmap_set_item(struct jmap_call *c, enum jmap_what what, struct str id);

enum jmap_noted {
	JMAP_CREATED,
	JMAP_UPDATED,
	JMAP_DESTROYED
};

/* Ids that have changed (RFC 8620 5.2), gathered from the change log. */
struct jmap_changes {
	struct jmap_point since;
	uint64_t max;          /* different ids; UINT64_MAX: any number */
	cJSON *properties;     /* updatedProperties of Mailbox/changes: set by the type, or NULL */
	bool more_than_counts; /* of those: for settle() */
	/* private */
	const struct jmap_object *object;
	struct jmap_call *call;
	struct jmap_point at;  /* so far all is noted */
	struct jmap_state now; /* when the end of the log was reached */
	uint64_t modseq, row;  /* of the row before, and rows since that modseq began */
	size_t done;           /* rows in this slice */
	bool full, sliced, walked, settled;
	int rc;
	struct err err;
	struct jmap_noted_id *noted;    /* a hash table */
	struct jmap_past *from, *until; /* emails where it begins and ends (past.h): has_past */
	uint64_t n;
};

/* A row of the log says that an object was made, changed, destroyed. Made and destroyed within the
 * time asked about counts as nothing. */
void jmap_note(struct jmap_changes *ch, uint64_t id, enum jmap_noted what);

/* A query under way (RFC 8620 5.5). */
struct jmap_query {
	const cJSON *filter; /* a FilterOperator or FilterCondition, or NULL */
	const cJSON *sort;   /* an array, or NULL */
	uint64_t *ids;       /* the result in order; in c->arena. Set by query() */
	size_t n;
	/* Where the rest is not asked for: so many of the first are enough, or so many behind the
	 * anchor (0: none). SIZE_MAX: all of them. A type may give more. */
	size_t need;
	uint64_t anchor;
	int64_t behind_anchor;
	struct jmap_changes *noted; /* enough is also where all of these have been come by; NULL */
	bool cannot_change;         /* canCalculateChanges is false */
	void *op;                   /* state of query() */
};

struct jmap_object {
	const char *name; /* "Mailbox" */
	enum jmap_type type;
	/* Numbers and ids. parse: 0 for what cannot be one. */
	uint64_t (*parse)(struct str id);
	const char *(*text)(uint64_t n, char out[JMAP_ID_SIZE]);

	/* /get. Names of properties, NULL at the end, "id" first, 64 at most. */
	const char *const *properties;
	/* A property that is not in the table (header:…)? NULL: there are none. It is then in
	 * jmap_more_properties(). */
	bool (*is_property)(struct str name);
	/* Other arguments of /get, divided by spaces, or NULL; read by get_begin, which fails the
	 * call itself. */
	const char *get_args;
	int (*get_begin)(struct jmap_call *c);
	/* Before objects are read, in each turn; may yield. Optional. */
	enum jmap_step (*get_ready)(struct jmap_call *c);
	/* Bits of properties that are meant when none are named; 0: all of the table. */
	uint64_t default_properties;
	bool all_is_unbounded; /* ids: null gives more than maxObjectsInGet too */
	/* All ids, for ids: null; NULL: the type has too many (requestTooLarge). */
	int (*all)(struct jmap_call *c, uint64_t **ids, size_t *n, struct err *e);
	/* Adds to out what jmap_wants(); "id" is there. 1; 0: no such object; -1. */
	int (*get)(struct jmap_call *c, uint64_t id, cJSON *out, struct err *e);

	bool has_past; /* struct jmap_changes has from and until */
	/* /changes: what a row of the log means for this type, by jmap_note(). */
	int (*changed)(
	    struct jmap_call *c, struct jmap_changes *ch, const struct change *row, struct err *e);
	/* Where the answer ends before the log does: a row behind it. What is there now, and is
	 * looked at for this answer, may have come only then. Optional. */
	void (*later)(struct jmap_call *c, struct jmap_changes *ch, const struct change *row);
	/* Before rows after `since` are read, in each turn; may yield. Optional. */
	enum jmap_step (*changes_ready)(struct jmap_call *c, struct jmap_point since);
	/* Optional, after the last row: what was noted is to be looked at (jmap_noted_each). */
	enum jmap_step (*settle)(struct jmap_call *c, struct jmap_changes *ch);

	/* /query and /queryChanges (which wants changed() too). Other arguments, and who reads
	 * them. */
	const char *query_args;
	/* Finds q->ids; called until it says JMAP_DONE, may fail the call (unsupportedFilter …). */
	enum jmap_step (*query)(struct jmap_call *c, struct jmap_query *q);

	/* /set. Other arguments, and who reads them (-1: the call has failed). */
	const char *set_args;
	int (*set_begin)(struct jmap_call *c);
	/* Each is called again with the same item after JMAP_YIELD, JMAP_WAIT and, when others have
	 * had their turn, JMAP_LATER. NULL: forbidden ("singleton" for a type of one object). */
	enum jmap_step (*create)(struct jmap_call *c, struct jmap_item *it);
	enum jmap_step (*update)(struct jmap_call *c, struct jmap_item *it);
	enum jmap_step (*destroy)(struct jmap_call *c, struct jmap_item *it);
	/* Optional, when all is durable and c->result complete; for jmap_then(). */
	void (*set_end)(struct jmap_call *c);
	bool is_singleton;
	bool stateless; /* nothing tells of its changes */
};

/* The methods of a type, as rows of its method table have them (with .object). */
enum jmap_step jmap_get(struct jmap_call *c);
enum jmap_step jmap_changes(struct jmap_call *c);
enum jmap_step jmap_query(struct jmap_call *c);
enum jmap_step jmap_query_changes(struct jmap_call *c);
enum jmap_step jmap_set(struct jmap_call *c);

/* In get(): is properties[i] asked for? */
bool jmap_wants(const struct jmap_call *c, unsigned i);
/* Those asked for that are not in the table. */
const struct str *jmap_more_properties(const struct jmap_call *c, size_t *n);
/* In settle(): changes what was noted of an id; fn returns false to forget it. */
void jmap_noted_each(
    struct jmap_changes *ch, bool (*fn)(void *arg, uint64_t id, enum jmap_noted *what), void *arg);
