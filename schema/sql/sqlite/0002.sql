-- SPDX-License-Identifier: Apache-2.0
-- Hand-overs: the planned moves of a guest from one host to another.

-- number: of the newest hand-over; moving: that one is open. The MACs are made anew.
ALTER TABLE placement ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE placement ADD COLUMN moving INTEGER NOT NULL DEFAULT 0;

CREATE TABLE handover (
	instance TEXT NOT NULL REFERENCES instance (id),
	number INTEGER NOT NULL,
	mode TEXT NOT NULL,
	state TEXT NOT NULL,
	source TEXT NOT NULL,
	destination TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	version INTEGER NOT NULL,
	attempt TEXT NOT NULL,
	nonce TEXT NOT NULL,
	jwe BLOB NOT NULL,
	parts INTEGER NOT NULL,
	lease INTEGER NOT NULL,
	permit TEXT NOT NULL,
	source_said TEXT NOT NULL,
	destination_said TEXT NOT NULL,
	ran_there INTEGER NOT NULL,
	made_by TEXT NOT NULL,
	issuer TEXT NOT NULL,
	subject TEXT NOT NULL,
	created_us INTEGER NOT NULL,
	claimed_us INTEGER NOT NULL,
	ended_us INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL,
	PRIMARY KEY (instance, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX handover_open_from ON handover (source, ended_us, instance, number)
	WHERE state IN ('prepared', 'offered', 'claimed', 'aborting', 'committed');
CREATE INDEX handover_open_to ON handover (destination, instance, number)
	WHERE state IN ('prepared', 'offered', 'claimed', 'aborting');
CREATE INDEX handover_ended_from ON handover (source, ended_us);
CREATE INDEX handover_ended_to ON handover (destination, ended_us);

-- The TPM's state of a guest that moves while it is off: sealed by the source, in pieces.
CREATE TABLE part (
	instance TEXT NOT NULL REFERENCES instance (id),
	number INTEGER NOT NULL,
	part INTEGER NOT NULL,
	bytes BLOB NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL,
	PRIMARY KEY (instance, number, part)
) STRICT, WITHOUT ROWID;

-- What a destination's hook asks of the source, and what the source answered.
CREATE TABLE ask (
	instance TEXT NOT NULL REFERENCES instance (id),
	host TEXT NOT NULL,
	attempt TEXT NOT NULL,
	number INTEGER NOT NULL,
	nonce TEXT NOT NULL,
	statement BLOB NOT NULL,
	at_us INTEGER NOT NULL,
	answer TEXT NOT NULL,
	text TEXT NOT NULL,
	generation INTEGER NOT NULL,
	mac BLOB NOT NULL,
	PRIMARY KEY (instance, host)
) STRICT, WITHOUT ROWID;

-- Hints that wake a host's agent. They confer nothing: what they speak of is read anew. The
-- newest one always stays, so that no number is used twice.
CREATE TABLE event (
	seq INTEGER NOT NULL PRIMARY KEY,
	host TEXT NOT NULL,
	kind TEXT NOT NULL,
	instance TEXT NOT NULL,
	number INTEGER NOT NULL,
	at_us INTEGER NOT NULL
) STRICT;
CREATE INDEX event_of_host ON event (host, seq);
