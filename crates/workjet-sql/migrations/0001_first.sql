-- Times are microseconds since 1970, hashes and bytes are hexadecimal text, truth is 0 or 1: what D1 keeps exactly.
-- A row that belongs to a tenant says so in its key, and refers to its user together with the tenant, so that no row
-- can hang on another tenant's user.

-- Each file is complete: whatever applies it, Workjet or another tool, the database says which files it has.
CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY) STRICT;

CREATE TABLE tenants (
    id       TEXT    NOT NULL PRIMARY KEY,
    name     TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    disabled INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id       TEXT    NOT NULL PRIMARY KEY,
    tenant   TEXT    NOT NULL REFERENCES tenants (id),
    login    TEXT    NOT NULL UNIQUE,
    role     TEXT    NOT NULL,
    disabled INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    password TEXT,
    UNIQUE (tenant, id)
) STRICT;

CREATE TABLE api_keys (
    tenant    TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    hash      TEXT    NOT NULL UNIQUE,
    created   INTEGER NOT NULL,
    expires   INTEGER,
    revoked   INTEGER,
    last_used INTEGER,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id)
) STRICT;

CREATE TABLE sessions (
    tenant       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    hash         TEXT    NOT NULL UNIQUE,
    created      INTEGER NOT NULL,
    last_seen    INTEGER NOT NULL,
    expires      INTEGER NOT NULL,
    idle_timeout INTEGER NOT NULL,
    revoked      INTEGER,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id)
) STRICT;

CREATE INDEX sessions_of_user ON sessions (tenant, user_id);

CREATE TABLE documents (
    tenant  TEXT    NOT NULL REFERENCES tenants (id),
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    json    TEXT    NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;

CREATE TABLE secrets (
    tenant      TEXT    NOT NULL REFERENCES tenants (id),
    name        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    provider    TEXT    NOT NULL,
    key_id      TEXT    NOT NULL,
    wrapped_key TEXT    NOT NULL,
    ciphertext  TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;

-- AUTOINCREMENT: a sequence is never used twice, also after its row is gone.
CREATE TABLE outbox (
    sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant   TEXT    NOT NULL REFERENCES tenants (id),
    entry    TEXT    NOT NULL
) STRICT;

CREATE INDEX outbox_of_tenant ON outbox (tenant, sequence);

INSERT INTO schema_version (version) VALUES (1);
