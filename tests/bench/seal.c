/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-seal - how often a 64-byte secret is sealed to a host in one second: by this project, by
 *              cjose, and what a bare P-256 derivation costs in OpenSSL; one JSON object.
 *
 * Usage: bench-seal ours|cjose|openssl SECONDS THREADS
 */
#include <cjose/cjose.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/seal.h"

enum { SECRET_BYTES = 64, THREADS_MAX = 64 };

struct job;
typedef void round_fn(struct job *j, double ends);

struct job {
	round_fn *round;
	double seconds;
	const struct pkey *recipient;
	int64_t done;
	double cpu_s;
};

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(bool worked, const char *what)
{
	if (worked)
		return;
	fprintf(stderr, "bench-seal: %s\n", what);
	abort();
}

static void ours(struct job *j, double ends)
{
	OWNED(secret) plain = NULL;
	OWNED(sealer) s = NULL;
	struct err e = { 0 };

	must(secret_new(SECRET_BYTES, &plain, &e) && sealer_new(j->recipient, &s, &e),
	     "sealer");
	for (; seconds_of(CLOCK_MONOTONIC) < ends; j->done++) {
		struct seal_header h = { .version = 1,
					 .purpose = "start",
					 .epoch = 1,
					 .nonce = "0123456789abcdef0123456789abcdef" };
		struct buf out = { 0 };

		must(uuid_parse("0b0e5c8e-0f4e-4b5e-9d0e-7a1f0c2d3e4f", "", &h.instance,
				&e),
		     "id");
		h.secret = h.attempt = h.instance;
		must(seal_jwe(s, &h, plain, &out, &e), "seal");
		buf_done(&out);
	}
}

static void cjose(struct job *j, double ends)
{
	cjose_err e;
	uint8_t plain[SECRET_BYTES] = { 0 };
	cjose_jwk_t *key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &e);

	must(key != NULL, "cjose key");
	for (; seconds_of(CLOCK_MONOTONIC) < ends; j->done++) {
		cjose_header_t *h = cjose_header_new(&e);
		cjose_jwe_t *jwe;
		char *text;

		cjose_header_set(h, CJOSE_HDR_ALG, CJOSE_HDR_ALG_ECDH_ES, &e);
		cjose_header_set(h, CJOSE_HDR_ENC, CJOSE_HDR_ENC_A256GCM, &e);
		jwe = cjose_jwe_encrypt(key, h, plain, sizeof plain, &e);
		must(jwe != NULL, "cjose encrypt");
		text = cjose_jwe_export(jwe, &e);
		must(text != NULL, "cjose export");
		free(text);
		cjose_jwe_release(jwe);
		cjose_header_release(h);
	}
	cjose_jwk_release(key);
}

/* What `openssl speed ecdhp256` times: EVP_PKEY_derive with everything set up. */
static void openssl(struct job *j, double ends)
{
	EVP_PKEY *a = EVP_EC_gen("P-256"), *b = EVP_EC_gen("P-256");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(a, NULL);
	uint8_t z[32];
	size_t len;

	must(EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, b) == 1,
	     "derive");
	for (; seconds_of(CLOCK_MONOTONIC) < ends; j->done++) {
		len = sizeof z;
		must(EVP_PKEY_derive(ctx, z, &len) == 1, "derive");
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
}

static void *run(void *arg)
{
	struct job *j = arg;
	double cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);

	j->round(j, seconds_of(CLOCK_MONOTONIC) + j->seconds);
	j->cpu_s = seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu;
	return NULL;
}

static round_fn *choose(const char *name)
{
	if (strcmp(name, "ours") == 0)
		return ours;
	if (strcmp(name, "cjose") == 0)
		return cjose;
	return strcmp(name, "openssl") == 0 ? openssl : NULL;
}

int main(int argc, char **argv)
{
	struct job jobs[THREADS_MAX] = { 0 };
	pthread_t threads[THREADS_MAX];
	struct pkey *recipient = NULL;
	struct err e = { 0 };
	int n = argc == 4 ? atoi(argv[3]) : 0;
	double seconds = argc == 4 ? atof(argv[2]) : 0, cpu = 0;
	round_fn *round = argc == 4 ? choose(argv[1]) : NULL;
	int64_t done = 0;

	if (round == NULL || n < 1 || n > THREADS_MAX || seconds <= 0)
		return 2;
	must(secret_slab_open(64 * 1024, &e) && pkey_new(&recipient, &e), "key");
	for (int i = 0; i < n; i++) {
		jobs[i] = (struct job){ .round = round,
					.seconds = seconds,
					.recipient = recipient };
		pthread_create(&threads[i], NULL, run, &jobs[i]);
	}
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		done += jobs[i].done;
		cpu += jobs[i].cpu_s;
	}
	printf("{\"done\":%lld,\"rate\":%.1f,\"cpu_us\":%.3f}\n", (long long)done,
	       (double)done / seconds, cpu * 1e6 / (double)done);
	pkey_free(recipient);
	return 0;
}
