/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl - one run of vtpmctl: its words and options, the profile, the connection, the output.
 *
 * Owns:    the client connection, opened by the first call.
 * Gives:   struct command (a row of the site map), ctl_option, ctl_arg, and struct call: one
 *          request from its path to its printed answer.
 * Refuses: nothing by itself; errors go up to main, which prints them once.
 * Threads: one.
 */
#ifndef CLIENT_CTL_CTL_H
#define CLIENT_CTL_CTL_H

#include <stdio.h>

#include "client/ctl/config.h"
#include "common/http_client.h"
#include "common/json.h"

enum { CTL_ARGS_MAX = 4, CTL_OPTIONS_MAX = 12 };

struct ctl;

struct option_spec {
	const char *name;  /* without dashes */
	const char *takes; /* what its value is called, or NULL for a flag */
	const char *says;
};

struct command {
	const char *words;   /* "instance create" */
	const char *args;    /* "ID HOST"; one in brackets may be left out */
	const char *says;    /* one line for the list */
	const char *more;    /* a paragraph for --help, or "" */
	const char *example; /* lines, or "" */
	const struct option_spec *options; /* ended by a NULL name, or NULL */
	bool (*run)(struct ctl *ctl, struct err *e);
};

struct ctl {
	const struct command *command;
	const char *group; /* `vtpmctl instance --help`: the commands that begin so */
	const char *args[CTL_ARGS_MAX];      /* borrowed from argv; NULL when left out */
	const char *values[CTL_OPTIONS_MAX]; /* of command->options, in their order */
	const char *profile_name;            /* --profile, or NULL */
	const char *config_path;             /* --config, or NULL */
	bool json, help, version;
	struct profile profile;
	struct http_client *http; /* owned, NULL until the first call */
	FILE *out;                /* borrowed */
};

void ctl_done(struct ctl *ctl);
/* The option's value, "" for a flag that was given, NULL when it was not. */
const char *ctl_option(const struct ctl *ctl, const char *name);
/* Reads the profile and its token, once. Called by call_run; by others for the profile's url. */
MUST_CHECK bool ctl_connect(struct ctl *ctl, struct err *e);
/* An option that is a number; `otherwise` when it is not given. */
struct range {
	int64_t min, max, otherwise;
};
MUST_CHECK bool ctl_integer(const struct ctl *ctl, const char *name, struct range in,
			    int64_t *ret, struct err *e);

/* One request. Fill in method, path and body (or octets), then call_run. */
struct call {
	const char *method;          /* NULL: GET */
	struct buf path;             /* owned */
	struct buf body;             /* owned; JSON */
	const struct secret *octets; /* borrowed; sent instead of a body */
	const char *if_match;        /* borrowed */
	struct http_answer answer;   /* owned */
	struct json *reply;          /* owned; NULL when there is no JSON in the answer */
};

MUST_CHECK bool call_run(struct ctl *ctl, struct call *c, struct err *e);
void call_done(struct call *c); /* for CLEANUP(call_done) */
/* Adds "?name=value", or "&name=value" when there is a "?" already; NULL adds nothing. */
void call_query(struct call *c, const char *name, const char *value);
/* --json: prints the answer as the broker sent it. */
MUST_CHECK bool call_print_json(struct ctl *ctl, const struct call *c, struct err *e);
/* "user,host" into ["user","host"] under name. */
void call_put_commas(struct json_writer *w, const char *name, const char *commas);

/*
 * All pages of a list: c->path without limit and after; each gets every item. limit 0 means
 * all, else at most that many. With --json the pages are printed as they come instead.
 */
struct pages {
	struct call *call;
	int64_t limit;
	const char *after; /* where to begin, or NULL */
	void (*each)(void *ctx, const struct json *item);
	void *ctx;
};
MUST_CHECK bool call_pages(struct ctl *ctl, const struct pages *p, struct err *e);

#endif
