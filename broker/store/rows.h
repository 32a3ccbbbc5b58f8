/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows - the records that the broker keeps, one struct per table.
 *
 * Every row ends in a generation and a MAC over table, key and all fields. The store fills
 * both at commit and checks the MAC at every read; callers never touch them.
 * Absence:  a read of a row that is not there succeeds with generation 0.
 * Text:     NUL-terminated, in place. Sets of names are lines joined by '\n'.
 * Times:    UTC microseconds; 0 means never.
 */
#ifndef BROKER_STORE_ROWS_H
#define BROKER_STORE_ROWS_H

#include "common/uuid.h"
#include "crypto/envelope.h"
#include "crypto/mac.h"
#include "crypto/pki.h"

enum {
	NAME_SIZE = 64,     /* of hosts, writers, images: text_is_name */
	SUBJECT_SIZE = 256, /* issuer, subject, project */
	LINES_SIZE = 4224,  /* 64 names of 64 and their separators */
	WORD_SIZE = 16,
	ENVELOPE_MAX = 4096 + ENVELOPE_OVERHEAD + 3,
	PIECE_MAX = 16 * 1024, /* of what hosts seal to one another */
	STATEMENT_MAX = 4096,  /* a host's signed word about itself */
	SAYING_SIZE = 256,     /* what a person is told, in words */
};

/* long: one struct per table */
struct row_head {
	int64_t generation; /* 0: there is no such row */
	uint8_t mac[MAC_BYTES];
};

struct token_row { /* key: id */
	struct row_head head;
	struct uuid id;
	uint8_t sha256[32]; /* of the token's text; unique */
	char issuer[SUBJECT_SIZE], subject[SUBJECT_SIZE], project[SUBJECT_SIZE];
	char role[WORD_SIZE]; /* member, operator, orchestrator, host-admin, auditor */
	char projects[LINES_SIZE], hosts[LINES_SIZE]; /* scope of operators; "*" is all */
	int64_t created_us, expires_us, revoked_us;
};

struct enroll_row { /* key: id; an enrolment token */
	struct row_head head;
	struct uuid id;
	uint8_t sha256[32];
	char name[NAME_SIZE];
	int64_t created_us, expires_us, used_us;
};

struct host_row { /* key: key_hash; name is unique among those not revoked */
	struct row_head head;
	char key_hash[PKI_HASH_HEX];
	char name[NAME_SIZE];
	char state[WORD_SIZE]; /* pending, approved, draining, fenced, revoked */
	uint8_t sealing_spki[PKI_SPKI_MAX];
	int64_t sealing_len;
	char sealing_kid[PKI_KID];
	int64_t policies; /* BIT(security) */
	int64_t protocol;
	char features[SUBJECT_SIZE]; /* lines */
	char address[NAME_SIZE];
	int64_t created_us, approved_us, fenced_us;
};

struct instance_row { /* key: id */
	struct row_head head;
	struct uuid id;
	char name[2 * NAME_SIZE]; /* display name */
	char issuer[SUBJECT_SIZE], project[SUBJECT_SIZE], owner[SUBJECT_SIZE];
	char image[2 * NAME_SIZE], flavor[2 * NAME_SIZE];
	char security[WORD_SIZE];
	char requested[WORD_SIZE]; /* what the creator asked for, or "" */
	char provenance
		[SUBJECT_SIZE]; /* whose default decided, in words; never restamped */
	char hosts[LINES_SIZE]; /* host set, or "" */
	char state[WORD_SIZE];  /* none, possible, expected */
	struct uuid secret;
	int64_t version; /* the active one; 0: none yet */
	int64_t created_us;
};

struct version_row { /* key: secret, version */
	struct row_head head;
	struct uuid secret;
	int64_t version;
	char state[WORD_SIZE];  /* pending, active, retired, destroyed */
	char origin[WORD_SIZE]; /* generated, uploaded */
	int64_t weak;           /* uploaded below 32 bytes, at the owner's word */
	int64_t created_us;
	uint8_t envelope[ENVELOPE_MAX];
	int64_t envelope_len;
};

struct placement_row { /* key: instance */
	struct row_head head;
	struct uuid instance;
	char host[PKI_HASH_HEX]; /* key hash, or "" */
	int64_t epoch;
	int64_t placed_us;
	struct uuid attempt; /* the newest release at this epoch, or unset */
	int64_t stopped;     /* the host said that this attempt's guest has stopped */
	int64_t off_until_us; /* the operator's word: the previous host stays off until then */
	int64_t number;       /* of the newest hand-over; 0: there was none */
	int64_t moving;       /* that hand-over is open */
};

struct permit_row { /* key: id; a permit, or a grant */
	struct row_head head;
	struct uuid id;
	struct uuid instance;
	char purpose[WORD_SIZE];
	char hosts[LINES_SIZE]; /* key hashes */
	int64_t epoch;          /* 0: any placement, a grant */
	char issuer[SUBJECT_SIZE], owner[SUBJECT_SIZE];
	int64_t created_us, from_us, until_us;
	int64_t uses, uses_left; /* uses 0: standing, never used up */
	int64_t withdrawn;       /* replaced by a newer one, or deleted by the owner */
	struct uuid used_by;     /* the last attempt that rested on it */
	int64_t used_us;
};

struct release_row { /* key: attempt */
	struct row_head head;
	struct uuid attempt;
	struct uuid instance;
	char host[PKI_HASH_HEX];
	char purpose[WORD_SIZE];
	int64_t epoch, version;
	struct uuid permit; /* unset: none was needed */
	int64_t at_us;
};

struct copy_row { /* key: instance, host: a sealed copy that a host keeps */
	struct row_head head;
	struct uuid instance;
	char host[PKI_HASH_HEX];
	int64_t epoch, version;
	int64_t lease_ends_us;
	int64_t erased_us;
};

struct setting_row { /* key: scope, name: what an operator allows */
	struct row_head head;
	char scope[WORD_SIZE];     /* deployment, image */
	char name[2 * NAME_SIZE];  /* "-" for the deployment */
	int64_t allowed;           /* BIT(security); 0: says nothing */
	char preferred[WORD_SIZE]; /* default, or "" */
};

struct project_key_row { /* key: issuer, project */
	struct row_head head;
	char issuer[SUBJECT_SIZE], project[SUBJECT_SIZE];
	uint8_t envelope[WRAP_KEY_BYTES + ENVELOPE_OVERHEAD];
	int64_t envelope_len;
};

struct spool_row { /* key: host: how far a host's reports were taken */
	struct row_head head;
	char host[PKI_HASH_HEX];
	struct uuid spool;
	int64_t seq;
};

struct handover_row { /* key: instance, number: a planned move; policy/handover.h */
	struct row_head head;
	struct uuid instance;
	int64_t number; /* from 1, per instance */
	char mode[WORD_SIZE], state[WORD_SIZE];
	char source[PKI_HASH_HEX], destination[PKI_HASH_HEX]; /* key hashes */
	int64_t epoch, version; /* of placement and secret when it was prepared */
	struct uuid attempt;    /* the destination's, that the source consented to */
	char nonce[NAME_SIZE];  /* of the claim */
	uint8_t jwe
		[PIECE_MAX]; /* the secret as the source sealed it; until it has ended */
	int64_t jwe_len;
	int64_t parts;      /* of the TPM's state; cold */
	int64_t lease;      /* the destination keeps a sealed copy */
	struct uuid permit; /* the owner's word that the claim has burnt, or unset */
	char source_said[WORD_SIZE], destination_said[WORD_SIZE];
	int64_t ran_there;       /* proof that the destination ran the guest */
	char made_by[WORD_SIZE]; /* host, operator, orchestrator */
	char issuer[SUBJECT_SIZE], subject[SUBJECT_SIZE];
	int64_t created_us, claimed_us, ended_us;
};

struct part_row { /* key: instance, number, part */
	struct row_head head;
	struct uuid instance;
	int64_t number, part;
	uint8_t bytes[PIECE_MAX];
	int64_t bytes_len;
};

struct ask_row { /* key: instance, host: what the destination's hook asks of the source */
	struct row_head head;
	struct uuid instance;
	char host[PKI_HASH_HEX]; /* that asks */
	struct uuid attempt;
	int64_t number; /* of the hand-over that it is for; 0: none is prepared */
	char nonce[NAME_SIZE];
	uint8_t statement[STATEMENT_MAX]; /* the host's own, for the source to check */
	int64_t statement_len;
	int64_t at_us;
	char answer[WORD_SIZE]; /* waiting, consented, refused */
	char text[SAYING_SIZE];
};

struct event_row { /* no authority, so no MAC; seq is the writer's */
	int64_t seq;
	char host[PKI_HASH_HEX]; /* whose agent it wakes */
	char kind[WORD_SIZE];    /* ask, handover */
	struct uuid instance;
	int64_t number;
	int64_t at_us;
};

/* clang-format off */
#define TABLES(X) \
	X(TOKEN, token) X(ENROLL, enroll) X(HOST, host) X(INSTANCE, instance) \
	X(VERSION, version) X(PLACEMENT, placement) X(PERMIT, permit) \
	X(RELEASE, release) X(COPY, copy) X(SETTING, setting) \
	X(PROJECT_KEY, project_key) X(SPOOL, spool) X(HANDOVER, handover) X(PART, part) \
	X(ASK, ask)
/* clang-format on */

#define TABLE_ENUM(NAME, name) TABLE_##NAME,
enum table { TABLES(TABLE_ENUM) TABLE_COUNT };
#undef TABLE_ENUM

#endif
