-- A link is gone once it is spent, so nothing says whether it was.

CREATE TABLE login_links (
    hash    TEXT    NOT NULL PRIMARY KEY,
    tenant  TEXT    NOT NULL,
    user_id TEXT    NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id)
) STRICT;

CREATE INDEX login_links_of_tenant ON login_links (tenant, expires);

INSERT INTO schema_version (version) VALUES (2);
