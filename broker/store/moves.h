/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moves - typed reads of hand-overs, of what hosts ask of one another, and of events.
 *
 * Gives:   single reads and lists, with the rules of queries.h.
 * Knows:   an event has no MAC: it says that something may be read, never what it is.
 */
#ifndef BROKER_STORE_MOVES_H
#define BROKER_STORE_MOVES_H

#include "broker/store/queries.h"

MUST_CHECK bool read_handover(struct reader *r, const struct uuid *instance,
			      int64_t number, struct handover_row *ret, struct err *e);
/* One before the newest: it has brought the guest to where it is placed, and is not closed. */
MUST_CHECK bool read_arrival(struct reader *r, const struct placement_row *p,
			     struct handover_row *ret, struct err *e);
MUST_CHECK bool read_part(struct reader *r, const struct handover_row *of, int64_t part,
			  struct part_row *ret, struct err *e);
MUST_CHECK bool read_ask(struct reader *r, const struct uuid *instance, const char *host,
			 struct ask_row *ret, struct err *e);
/* The oldest and the newest event that there are, whosesoever; 0: there never was one. */
MUST_CHECK bool read_event_ends(struct reader *r, int64_t *ret_first, int64_t *ret_last,
				struct err *e);

typedef bool each_handover(void *ctx, const struct handover_row *row, struct err *e);
typedef bool each_ask(void *ctx, const struct ask_row *row, struct err *e);
typedef bool each_event(void *ctx, const struct event_row *row, struct err *e);

enum { EVENTS_PAGE = 64, HOST_MOVES_MAX = 500 };

struct handover_filter {
	const struct uuid *instance;
	const char *party; /* key hash of a host that has a part in it; NULL: any */
};
/* Of one instance, by number; page.after is a number. */
MUST_CHECK bool list_handovers(struct reader *r, const struct handover_filter *f,
			       struct page p, each_handover *each, void *ctx,
			       struct err *e);
struct host_filter {
	const char *host; /* key hash */
	enum handover_end { HANDOVERS_FROM, HANDOVERS_TO } end;
	int64_t since_us;
};
/* What this host has a part in and is not over: open; ended since then; committed away from it
 * and not closed. At most HOST_MOVES_MAX of each. */
MUST_CHECK bool list_host_handovers(struct reader *r, const struct host_filter *f,
				    each_handover *each, void *ctx, struct err *e);
/* The one of this instance that is committed away from that host, and not closed. */
MUST_CHECK bool list_owed(struct reader *r, const struct uuid *instance, const char *host,
			  each_handover *each, void *ctx, struct err *e);
struct ask_filter {
	const char *host;            /* key hash */
	const struct uuid *instance; /* of this one alone; NULL: of all */
	int64_t since_us;
};
/* Asks made since then that wait for the host on which their instance is placed. At most
 * HOST_MOVES_MAX. */
MUST_CHECK bool list_waiting_asks(struct reader *r, const struct ask_filter *f,
				  each_ask *each, void *ctx, struct err *e);
/* The first EVENTS_PAGE after that one. */
MUST_CHECK bool list_events(struct reader *r, const char *host, int64_t after,
			    each_event *each, void *ctx, struct err *e);

#endif
