-- SPDX-License-Identifier: Apache-2.0
-- The first schema. Rows that confer authority carry a generation and an HMAC over table,
-- key and all fields; a row changed by hand is refused. Times are UTC microseconds.

CREATE TABLE meta (
	name TEXT NOT NULL PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Wrapped keys and facts of the installation.
CREATE TABLE key (
	name TEXT NOT NULL PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
	id TEXT NOT NULL PRIMARY KEY,
	sha256 BLOB NOT NULL,
	issuer TEXT NOT NULL,
	subject TEXT NOT NULL,
	project TEXT NOT NULL,
	role TEXT NOT NULL,
	projects TEXT NOT NULL,
	hosts TEXT NOT NULL,
	created_us INTEGER NOT NULL,
	expires_us INTEGER NOT NULL,
	revoked_us INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX token_by_sha256 ON token (sha256);

CREATE TABLE enroll (
	id TEXT NOT NULL PRIMARY KEY,
	sha256 BLOB NOT NULL,
	name TEXT NOT NULL,
	created_us INTEGER NOT NULL,
	expires_us INTEGER NOT NULL,
	used_us INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE host (
	key_hash TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	state TEXT NOT NULL,
	sealing_spki BLOB NOT NULL,
	sealing_kid TEXT NOT NULL,
	policies INTEGER NOT NULL,
	protocol INTEGER NOT NULL,
	features TEXT NOT NULL,
	address TEXT NOT NULL,
	created_us INTEGER NOT NULL,
	approved_us INTEGER NOT NULL,
	fenced_us INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX host_by_name ON host (name) WHERE state <> 'revoked';
CREATE INDEX host_in_order ON host (name, key_hash);

CREATE TABLE instance (
	id TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	issuer TEXT NOT NULL,
	project TEXT NOT NULL,
	owner TEXT NOT NULL,
	image TEXT NOT NULL,
	flavor TEXT NOT NULL,
	security TEXT NOT NULL,
	requested TEXT NOT NULL,
	provenance TEXT NOT NULL,
	hosts TEXT NOT NULL,
	state TEXT NOT NULL,
	secret TEXT NOT NULL,
	version INTEGER NOT NULL,
	created_us INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX instance_of_project ON instance (issuer, project, id);
CREATE INDEX instance_by_name ON instance (name);
CREATE UNIQUE INDEX instance_by_secret ON instance (secret);

CREATE TABLE version (
	secret TEXT NOT NULL,
	version INTEGER NOT NULL,
	state TEXT NOT NULL,
	origin TEXT NOT NULL,
	weak INTEGER NOT NULL,
	created_us INTEGER NOT NULL,
	envelope BLOB NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL,
	PRIMARY KEY (secret, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE placement (
	instance TEXT NOT NULL PRIMARY KEY REFERENCES instance (id),
	host TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	placed_us INTEGER NOT NULL,
	attempt TEXT NOT NULL,
	stopped INTEGER NOT NULL,
	off_until_us INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX placement_by_host ON placement (host, instance);

CREATE TABLE permit (
	id TEXT NOT NULL PRIMARY KEY,
	instance TEXT NOT NULL REFERENCES instance (id),
	purpose TEXT NOT NULL,
	hosts TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	issuer TEXT NOT NULL,
	owner TEXT NOT NULL,
	created_us INTEGER NOT NULL,
	from_us INTEGER NOT NULL,
	until_us INTEGER NOT NULL,
	uses INTEGER NOT NULL,
	uses_left INTEGER NOT NULL,
	withdrawn INTEGER NOT NULL,
	used_by TEXT NOT NULL,
	used_us INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX permit_of_instance ON permit (instance, id);
CREATE INDEX permit_in_force ON permit (instance, purpose, created_us) WHERE withdrawn = 0;

CREATE TABLE release (
	attempt TEXT NOT NULL PRIMARY KEY,
	instance TEXT NOT NULL REFERENCES instance (id),
	host TEXT NOT NULL,
	purpose TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	version INTEGER NOT NULL,
	permit TEXT NOT NULL,
	at_us INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE copy (
	instance TEXT NOT NULL REFERENCES instance (id),
	host TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	version INTEGER NOT NULL,
	lease_ends_us INTEGER NOT NULL,
	erased_us INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL,
	PRIMARY KEY (instance, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX copy_by_host ON copy (host, instance);

CREATE TABLE setting (
	scope TEXT NOT NULL,
	name TEXT NOT NULL,
	allowed INTEGER NOT NULL,
	preferred TEXT NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL,
	PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE project_key (
	issuer TEXT NOT NULL,
	project TEXT NOT NULL,
	envelope BLOB NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL,
	PRIMARY KEY (issuer, project)
) STRICT, WITHOUT ROWID;

CREATE TABLE spool (
	host TEXT NOT NULL PRIMARY KEY,
	spool TEXT NOT NULL,
	seq INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One chain per writer: number counts up from 1, prev is the MAC of number - 1. The first
-- row of a chain names, in heads, where the chains before it had ended.
CREATE TABLE audit (
	seq INTEGER NOT NULL PRIMARY KEY,
	writer TEXT NOT NULL,
	number INTEGER NOT NULL,
	time_us INTEGER NOT NULL,
	request_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	issuer TEXT NOT NULL,
	subject TEXT NOT NULL,
	project TEXT NOT NULL,
	credential TEXT NOT NULL,
	address TEXT NOT NULL,
	verb TEXT NOT NULL,
	purpose TEXT NOT NULL,
	target TEXT NOT NULL,
	instance TEXT NOT NULL,
	version INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	host TEXT NOT NULL,
	attempt TEXT NOT NULL,
	verdict TEXT NOT NULL,
	reason TEXT NOT NULL,
	weighed TEXT NOT NULL,
	count INTEGER NOT NULL,
	heads TEXT NOT NULL,
	prev BLOB NOT NULL,
	mac BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_by_writer ON audit (writer, number);
CREATE INDEX audit_of_instance ON audit (instance, seq);
