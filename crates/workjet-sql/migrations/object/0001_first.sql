-- What an object that sequences a tenant's log, or counts its rate limits, keeps beside itself.
-- The tenant stands first in every key, also where an object serves one tenant alone. WITHOUT ROWID: each row is written
-- once, and not a second time into an index of its key.

CREATE TABLE IF NOT EXISTS object_schema_version (version INTEGER NOT NULL PRIMARY KEY) STRICT;

-- A log's head, and how many bytes its journal has. Bytes are text here, as `packed.rs` writes them.
CREATE TABLE logs (
    tenant       TEXT NOT NULL PRIMARY KEY,
    head         TEXT,
    journal_size INTEGER
) STRICT, WITHOUT ROWID;

-- The journal in pieces, each with the place of its first byte.
CREATE TABLE log_journal (
    tenant TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    bytes  TEXT    NOT NULL,
    PRIMARY KEY (tenant, at)
) STRICT, WITHOUT ROWID;

-- One row for a tenant. Every change raises `version`, and stands under the condition that nobody else has.
CREATE TABLE rate_books (
    tenant       TEXT    NOT NULL PRIMARY KEY,
    version      INTEGER NOT NULL,
    last_ticket  INTEGER NOT NULL,
    meters       INTEGER NOT NULL,
    strangers    INTEGER NOT NULL,
    reservations INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rate_meters (
    tenant    TEXT    NOT NULL,
    limit_key TEXT    NOT NULL,
    look_at   INTEGER NOT NULL,
    meter     TEXT    NOT NULL,
    PRIMARY KEY (tenant, limit_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX rate_meters_by_look ON rate_meters (tenant, look_at);

CREATE TABLE rate_reservations (
    tenant      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    ends        INTEGER NOT NULL,
    reservation TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX rate_reservations_by_end ON rate_reservations (tenant, ends);

INSERT INTO object_schema_version (version) VALUES (1);
