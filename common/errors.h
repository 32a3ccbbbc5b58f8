/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errors - the one list of what can go wrong.
 *
 * X(NAME, code, HTTP status, exit code, title, what to do next). The codes and exit codes
 * are a contract: they only grow. The documentation's table is made from this list.
 * Exit codes: 1 internal or unavailable, 2 usage or bad input, 3 not authenticated,
 * 4 not allowed, 5 not found, 6 conflict, 7 policy refuses, 8 broker not reachable.
 */
#ifndef COMMON_ERRORS_H
#define COMMON_ERRORS_H

/* clang-format off */
#define ERRORS(X) \
	/* the request's form */ \
	X(USAGE, "usage", 400, 2, "The command's words are off", "see --help") \
	X(TOO_LARGE, "too_large", 413, 2, "The request is too large", "") \
	X(BAD_JSON, "bad_json", 400, 2, "The body is not strict JSON", "") \
	X(BAD_TYPE, "bad_type", 400, 2, "A field has the wrong type", "") \
	X(BAD_VALUE, "bad_value", 400, 2, "A field has a value that is not allowed", "") \
	X(UNKNOWN_FIELD, "unknown_field", 400, 2, "The body has a field that is not known here", "") \
	X(MISSING_FIELD, "missing_field", 400, 2, "A field is missing", "") \
	X(BAD_UUID, "bad_uuid", 400, 2, "This is not a UUID", "") \
	X(BAD_PATH, "bad_path", 400, 2, "The path is malformed", "") \
	X(BAD_CONTENT_TYPE, "bad_content_type", 415, 2, "The body has the wrong content type", "") \
	X(BAD_SECRET_LENGTH, "bad_secret_length", 400, 2, "The secret is too short or too long", "upload 32 to 4096 bytes") \
	X(BAD_CSR, "bad_csr", 400, 2, "The certificate request cannot be accepted", "run vtpm-client enroll again") \
	X(UNKNOWN_PATH, "unknown_path", 404, 5, "There is nothing at this path", "") \
	X(WRONG_METHOD, "wrong_method", 405, 2, "This path does not know that method", "") \
	X(PRECONDITION_REQUIRED, "precondition_required", 428, 2, "This change needs If-Match", "read the resource and repeat with its generation") \
	X(PRECONDITION_FAILED, "precondition_failed", 412, 6, "The resource has changed since it was read", "read it again") \
	/* who asks */ \
	X(UNAUTHENTICATED, "unauthenticated", 401, 3, "The request carries no identity", "choose a profile with a token") \
	X(BAD_TOKEN, "bad_token", 401, 3, "The token is not valid here", "ask for a new token") \
	X(TOKEN_EXPIRED, "token_expired", 401, 3, "The token has expired", "ask for a new token") \
	X(TOKEN_REVOKED, "token_revoked", 401, 3, "The token was revoked", "ask for a new token") \
	X(BAD_CERTIFICATE, "bad_certificate", 401, 3, "The client certificate is not one of ours", "enroll the host") \
	X(CERTIFICATE_EXPIRED, "certificate_expired", 401, 3, "The client certificate is not valid now", "enroll the host with a new token") \
	X(HOST_PENDING, "host_pending", 403, 4, "The host waits for approval", "vtpmctl host approve NAME") \
	X(HOST_FENCED, "host_fenced", 403, 4, "The host is fenced", "vtpmctl host unfence NAME, once it is safe") \
	X(HOST_REVOKED, "host_revoked", 403, 4, "The host was revoked", "enroll it with a new token") \
	X(FORBIDDEN, "forbidden", 403, 4, "This identity may not do that", "") \
	X(ENROLL_TOKEN_INVALID, "enroll_token_invalid", 403, 4, "The enrolment token is not valid", "vtpmctl host token NAME makes a new one") \
	X(ENROLL_TOKEN_USED, "enroll_token_used", 403, 4, "The enrolment token was used already", "vtpmctl host token NAME makes a new one") \
	X(RATE_LIMITED, "rate_limited", 429, 1, "Too many requests", "wait and try again") \
	/* what there is */ \
	X(NOT_FOUND, "not_found", 404, 5, "There is no such thing, or it is not yours to see", "") \
	X(AMBIGUOUS, "ambiguous", 409, 5, "More than one thing matches", "give more of the UUID") \
	X(CONFLICT, "conflict", 409, 6, "Somebody else changed this at the same time", "try again") \
	X(EXISTS_DIFFERENT, "exists_different", 409, 6, "It exists already with other contents", "") \
	X(STATE_EXISTS, "state_exists", 409, 6, "The guest has a TPM state under the present secret", "vtpmctl instance new-tpm ID gives the TPM up") \
	X(POLICY_CONFLICT, "policy_conflict", 409, 6, "The policies in force contradict one another", "ask the operator to change one of them") \
	X(PLACED_ELSEWHERE, "placed_elsewhere", 409, 6, "The instance is still placed on another host", "stop it there, and vtpm-client forget ID where it has a copy; or fence that host") \
	X(NO_VALUE, "no_value", 409, 6, "No value of this secret is stored yet", "the owner: vtpmctl secret upload ID") \
	X(NOT_PLACED, "not_placed", 409, 6, "The instance is placed on no host", "vtpmctl instance place ID HOST") \
	X(SECRET_MISMATCH, "secret_mismatch", 409, 6, "The domain names another secret than this instance has", "vtpmctl instance xml ID prints the right element") \
	X(IMAGE_MISMATCH, "image_mismatch", 409, 6, "The instance was created for another image", "") \
	X(ROOT_KEY_NOT_BACKED_UP, "root_key_not_backed_up", 409, 6, "The root key has no backup yet", "vtpm-brokerd backup --root-key FILE") \
	X(STATE_MISSING, "state_missing", 409, 6, "The TPM state is gone", "restore the file, or vtpmctl instance new-tpm ID") \
	X(STATE_STALE, "state_stale", 409, 6, "The TPM state is an old one", "bring the newer file from where the guest ran last; to use this one all the same, touch it") \
	X(HOST_NAME_TAKEN, "host_name_taken", 409, 6, "Another host has this name", "revoke that host first") \
	X(HANDOVER_OPEN, "handover_open", 409, 6, "A hand-over of this instance is under way", "vtpmctl handover show ID") \
	X(HANDOVER_STATE, "handover_state", 409, 6, "The hand-over is in another state", "vtpmctl handover show ID") \
	X(HOST_DRAINING, "host_draining", 409, 6, "The host is being drained and takes no guests", "choose another host, or vtpmctl host undrain NAME") \
	X(HOST_NOT_OFF, "host_not_off", 409, 6, "The other host must be fenced and off", "vtpmctl host fence NAME, then say --host-is-off") \
	X(NOT_TOLD, "not_told", 409, 6, "A host must first say what it has of the guest", "vtpmctl handover show ID") \
	X(NOT_PROVEN, "not_proven", 409, 6, "It is not proven that the guest ran elsewhere", "") \
	/* policy */ \
	X(PERMIT_MISSING, "permit_missing", 403, 7, "The owner has not permitted this", "the owner: vtpmctl permit ID (for a move: vtpmctl grant create ID --purpose migrate-in --hosts HOST)") \
	X(PERMIT_EXPIRED, "permit_expired", 403, 7, "The owner's permit has run out", "the owner: vtpmctl permit ID (for a move: vtpmctl grant create ID --purpose migrate-in --hosts HOST)") \
	X(PERMIT_USED, "permit_used", 403, 7, "The owner's permit was used already", "the owner: vtpmctl permit ID (for a move: vtpmctl grant create ID --purpose migrate-in --hosts HOST)") \
	X(PERMIT_FOREIGN, "permit_foreign", 403, 7, "The owner's permit is for another host, purpose or placement", "the owner: vtpmctl permit ID (for a move: vtpmctl grant create ID --purpose migrate-in --hosts HOST)") \
	X(NOT_PLACED_HERE, "not_placed_here", 403, 7, "The instance is not placed on this host", "the operator: vtpmctl instance place ID HOST") \
	X(HOST_UNSUPPORTED, "host_unsupported", 403, 7, "The host does not support this policy", "place the instance on a host that does") \
	X(HOST_NOT_IN_SET, "host_not_in_set", 403, 7, "The host is outside the instance's host set", "") \
	X(HOST_TOO_OLD, "host_too_old", 403, 7, "The host's client is too old", "upgrade vtpm-client there") \
	X(NO_READER, "no_reader", 403, 7, "A deployment secret has no reader", "") \
	X(NOT_A_RELEASE, "not_a_release", 403, 7, "This purpose needs a record that does not exist", "") \
	X(CONSENT_REFUSED, "consent_refused", 403, 7, "The source host does not agree", "") \
	X(MIGRATION_OFFLINE, "migration_offline", 403, 7, "An offline migration does not carry the TPM's state", "vtpm-client migrate --cold") \
	X(ATTEMPT_MISMATCH, "attempt_mismatch", 409, 6, "This attempt was made for something else", "use a new attempt") \
	/* on a compute host */ \
	X(STARTING_UP, "starting_up", 503, 1, "The agent is starting up", "try again in a moment") \
	X(SOURCE_SILENT, "source_silent", 503, 8, "The agent of the source host does not answer", "start vtpm-client agent there") \
	X(AGENT_UNREACHABLE, "agent_unreachable", 503, 8, "The agent of this host does not answer", "start vtpm-client agent") \
	X(BROKER_UNREACHABLE, "broker_unreachable", 503, 8, "The broker does not answer", "check that vtpm-brokerd serves at that address") \
	X(BAD_SERVER, "bad_server", 502, 8, "The server is not the broker we know", "check the address and the CA") \
	X(LEASE_ENDED, "lease_ended", 403, 7, "The lease of this host's copy has ended", "bring the broker back, or permit again") \
	X(BAD_SEALED, "bad_sealed", 502, 1, "The sealed secret cannot be opened or is not what was asked for", "") \
	X(BAD_PASSPHRASE, "bad_passphrase", 409, 6, "The TPM state does not open with this secret", "") \
	X(STATE_BUSY, "state_busy", 409, 6, "The TPM state is in use", "stop the other emulator") \
	X(EMULATOR_FAILED, "emulator_failed", 500, 1, "The TPM emulator failed", "") \
	X(NO_LIBVIRT, "no_libvirt", 503, 1, "libvirt does not answer", "start libvirtd") \
	X(MIGRATION_FAILED, "migration_failed", 500, 1, "libvirt did not move the guest", "") \
	/* the broker itself */ \
	X(ROW_TAMPERED, "row_tampered", 500, 1, "A database row does not verify", "vtpm-brokerd verify-db; restore from a backup") \
	X(ENVELOPE_TAMPERED, "envelope_tampered", 500, 1, "A stored secret does not verify", "restore from a backup") \
	X(DATABASE, "database", 503, 1, "The database does not answer", "") \
	X(DATABASE_LOCKED, "database_locked", 503, 1, "The database is locked by another program", "try again") \
	X(DATABASE_NEWER, "database_newer", 500, 1, "The database was made by a newer release", "run that release") \
	X(AUDIT_UNAVAILABLE, "audit_unavailable", 507, 1, "The audit trail cannot be written", "free some disk space") \
	X(STOPPING, "stopping", 503, 1, "The broker is stopping", "try again") \
	X(DEADLINE, "deadline", 503, 1, "The request took too long", "try again") \
	X(ROOT_KEY_MISSING, "root_key_missing", 500, 1, "The root key is missing", "restore it from its backup") \
	X(ROOT_KEY_BAD, "root_key_bad", 500, 1, "The root key is not usable", "restore it from its backup, mode 0400") \
	X(CONFIG, "config", 500, 2, "The configuration cannot be used", "the man page says what can be set; on a host: vtpm-client enroll FILE") \
	X(PORT_IN_USE, "port_in_use", 500, 1, "The address is in use", "choose another port") \
	X(NO_MEMORY_LOCK, "no_memory_lock", 500, 1, "Memory for secrets cannot be locked", "raise RLIMIT_MEMLOCK") \
	X(NO_MEMORY, "no_memory", 503, 1, "Out of memory", "") \
	X(CLOCK, "clock", 503, 1, "The clock is off", "set the clock") \
	X(IO, "io", 500, 1, "A file cannot be read or written", "") \
	X(INTERNAL, "internal", 500, 1, "Something failed inside", "see the log")
/* clang-format on */

#endif
