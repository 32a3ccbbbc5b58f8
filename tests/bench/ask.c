/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-load - one measurement of a server under load, as one JSON object on standard output.
 *
 * A file of instances makes every request a release, each with an attempt and a nonce of its
 * own; connection i takes instances i, i + N, i + 2N ... in turn, so that no two connections
 * ask for the same one. Without that file every request is GET of the path.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "tests/bench/load.h"

enum { ID_LEN = 36 };

struct asker {
	const char *path, *token;
	char (*ids)[ID_LEN + 1]; /* owned */
	size_t n_ids;
	size_t *turn; /* owned: of each connection */
	unsigned connections;
	uint64_t seed;
	char reply[LOAD_REPLY + 1]; /* the last that was a release */
};

static uint64_t random_next(struct asker *a)
{
	a->seed ^= a->seed << 13;
	a->seed ^= a->seed >> 7;
	a->seed ^= a->seed << 17;
	return a->seed;
}

static size_t ask_release(struct asker *a, unsigned i, char ret[LOAD_REQUEST])
{
	uint64_t x = random_next(a), y = random_next(a), z = random_next(a);
	size_t own = a->n_ids / a->connections, at = i % a->n_ids;
	char body[256];
	int len = snprintf(
		body, sizeof body,
		"{\"attempt\":\"%08x-%04x-4%03x-8%03x-%012llx\",\"purpose\":\"start\","
		"\"nonce\":\"%016llx%08x\"}",
		(unsigned)x, (unsigned)(x >> 32) & 0xffff, (unsigned)(x >> 48) & 0xfff,
		(unsigned)(y >> 48) & 0xfff, (unsigned long long)y & 0xffffffffffff,
		(unsigned long long)z, i);

	if (own > 1)
		at = i + a->turn[i]++ % own * a->connections;
	return (size_t)snprintf(
		ret, LOAD_REQUEST,
		"POST /v1/instances/%s/release HTTP/1.1\r\nHost: localhost\r\n"
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		a->ids[at], len, body);
}

static size_t ask_next(void *ctx, unsigned i, char ret[LOAD_REQUEST])
{
	struct asker *a = ctx;

	if (a->n_ids > 0)
		return ask_release(a, i, ret);
	return (size_t)snprintf(ret, LOAD_REQUEST,
				"GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s%s\r\n",
				a->path, a->token == NULL ? "" : "Authorization: Bearer ",
				a->token == NULL ? "" : a->token,
				a->token == NULL ? "" : "\r\n");
}

static void keep_reply(void *ctx, const char *reply, size_t len)
{
	struct asker *a = ctx;

	if (a->reply[0] == '\0' && strstr(reply, "\"jwe\":\"") != NULL)
		memcpy(a->reply, reply, len + 1);
}

static bool ids_read(struct asker *a, const char *file, struct err *e)
{
	FILE *f = fopen(file, "r");
	size_t cap = 0;
	char line[64];

	if (f == NULL)
		return err_errno(e, ERR_IO, "%s", file);
	while (fgets(line, sizeof line, f) != NULL) {
		if (a->n_ids == cap) {
			cap = cap == 0 ? 1024 : 2 * cap;
			a->ids = reallocarray(a->ids, cap, sizeof *a->ids);
			assert(a->ids != NULL);
		}
		line[strcspn(line, "\n")] = '\0';
		memcpy(a->ids[a->n_ids], line, ID_LEN);
		a->ids[a->n_ids++][ID_LEN] = '\0';
	}
	fclose(f);
	return true;
}

/* What was measured must be the real thing: one reply is opened with the host's own key. */
static int opened_bytes(const struct asker *a, const char *key_file)
{
	const char *jwe = strstr(a->reply, "\"jwe\":\"");
	OWNED(secret) pem = NULL;
	OWNED(secret) plain = NULL;
	OWNED(pkey) key = NULL;
	struct seal_header header;
	struct err e = { 0 };
	char text[PKI_PEM_MAX];
	FILE *f = jwe == NULL ? NULL : fopen(key_file, "r");
	size_t n = f == NULL ? 0 : fread(text, 1, sizeof text, f);

	if (f != NULL)
		fclose(f);
	if (n == 0 || !secret_from((struct view){ (uint8_t *)text, n }, &pem, &e) ||
	    !pkey_from_private_pem(pem, &key, &e))
		return 0;
	jwe += strlen("\"jwe\":\"");
	if (!open_jwe(key, (struct view){ (const uint8_t *)jwe, strcspn(jwe, "\"") },
		      &header, &plain, &e))
		return 0;
	return (int)secret_len(plain);
}

static void print(const struct load_result *r, int opened)
{
	const char *comma = "";

	printf("{\"requests\":%lld,\"errors\":%lld,\"seconds\":%.4f,\"rate\":%.1f,\"p50_"
	       "us\":%lld,"
	       "\"p99_us\":%lld,\"client_cpu_s\":%.4f,\"server_cpu_s\":%.4f,\"opened_"
	       "bytes\":%d,\"statuses\":{",
	       (long long)r->requests, (long long)r->errors, r->seconds,
	       (double)r->requests / r->seconds, (long long)r->p50_us,
	       (long long)r->p99_us, r->client_cpu_s, r->server_cpu_s, opened);
	for (int i = 0; i < LOAD_STATUSES; i++)
		if (r->statuses[i] > 0) {
			printf("%s\"%d\":%lld", comma, i, (long long)r->statuses[i]);
			comma = ",";
		}
	printf("}}\n");
}

static const struct option options[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "ca", required_argument, NULL, 'a' },
	{ "certificate", required_argument, NULL, 'c' },
	{ "key", required_argument, NULL, 'k' },
	{ "connections", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 's' },
	{ "fresh", no_argument, NULL, 'f' },
	{ "server", required_argument, NULL, 'r' },
	{ "path", required_argument, NULL, 'g' },
	{ "instances", required_argument, NULL, 'i' },
	{ "opens", required_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 },
};

struct words {
	struct load_options load;
	const char *instances, *opens;
};

static bool words_read(int argc, char **argv, struct asker *a, struct words *w)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			w->load.port = (unsigned)atoi(optarg);
			break;
		case 'a':
			w->load.ca = optarg;
			break;
		case 'c':
			w->load.certificate = optarg;
			break;
		case 'k':
			w->load.key = optarg;
			break;
		case 'n':
			w->load.connections = (unsigned)atoi(optarg);
			break;
		case 's':
			w->load.seconds = atof(optarg);
			break;
		case 'r':
			w->load.server = atoi(optarg);
			break;
		case 'f':
			w->load.fresh = true;
			break;
		case 'g':
			a->path = optarg;
			break;
		case 'i':
			w->instances = optarg;
			break;
		case 'o':
			w->opens = optarg;
			break;
		default:
			return false;
		}
	}
	return w->load.port != 0 && w->load.ca != NULL && w->load.connections != 0;
}

int main(int argc, char **argv)
{
	struct asker *a = calloc(1, sizeof *a);
	struct words w = { .load = { .seconds = 1 } };
	struct load_result r;
	struct err e = { 0 };
	bool ok;

	assert(a != NULL);
	if (!words_read(argc, argv, a, &w))
		return 2;
	a->seed = (uint64_t)time(NULL) << 32 ^ (uint64_t)getpid() ^
		  UINT64_C(0x9e3779b97f4a7c15);
	a->connections = w.load.connections;
	a->turn = calloc(a->connections, sizeof *a->turn);
	w.load.ask = ask_next;
	w.load.reply = keep_reply;
	w.load.ctx = a;
	ok = secret_slab_open(64 * 1024, &e) &&
	     (w.instances == NULL || ids_read(a, w.instances, &e)) &&
	     load_run(&w.load, &r, &e);
	if (ok)
		print(&r, w.opens == NULL ? 0 : opened_bytes(a, w.opens));
	else
		fprintf(stderr, "bench-load: %s (%s)\n", e.detail, e.trail);
	free(a->ids);
	free(a->turn);
	free(a);
	return ok ? 0 : 1;
}
