"""The tables of an archive file, once for all tools; later work builds on these names.

`raw` is compressed with zstd, which DuckDB honours only in a file of storage version 1.2.0 or later (it ignores the
clause without a word otherwise). The cursor of a source is the largest server_id of its records: it cannot run ahead
of them.

`submission.changed` is what a revision changed against the one before: some of `answers`, `version`, `status` and
`attachments`, joined by commas; `returned` for a row that came back, null for a first revision.
`attachment.uid` is the server's own name of a file, null where an answer names one that the server does not have.
`probe` is what the last complete sync leaves for the next one (probe.py); archives made before it have none.
"""

STORAGE_VERSION = "v1.2.0"

TABLES = """
CREATE TABLE submission (
    source VARCHAR NOT NULL, asset VARCHAR NOT NULL, root_id VARCHAR NOT NULL, revision INTEGER NOT NULL,
    instance_id VARCHAR, server_id VARCHAR, form_version VARCHAR,
    submitted_at TIMESTAMP, submitted_by VARCHAR,
    raw VARCHAR NOT NULL USING COMPRESSION zstd, raw_kind VARCHAR NOT NULL, raw_sha256 VARCHAR NOT NULL,
    n_answers INTEGER, digest UBIGINT,
    validation_status VARCHAR, seen_run INTEGER NOT NULL, gone_run INTEGER, gone_why VARCHAR,
    changed VARCHAR
);
CREATE TABLE form_version (
    source VARCHAR NOT NULL, asset VARCHAR NOT NULL, version VARCHAR NOT NULL,
    content VARCHAR NOT NULL, first_seen INTEGER NOT NULL
);
CREATE TABLE attachment (
    source VARCHAR NOT NULL, asset VARCHAR NOT NULL, root_id VARCHAR NOT NULL, revision INTEGER NOT NULL,
    question VARCHAR, file_name VARCHAR NOT NULL, sha256 VARCHAR, state VARCHAR NOT NULL,
    uid VARCHAR, tries INTEGER, tried_run INTEGER
);
CREATE TABLE sync_run (
    run INTEGER NOT NULL, source VARCHAR NOT NULL, asset VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL, server_time TIMESTAMP,
    seen INTEGER NOT NULL, new INTEGER NOT NULL, edited INTEGER NOT NULL, deleted INTEGER NOT NULL,
    returned INTEGER NOT NULL, status_changed INTEGER NOT NULL,
    complete BOOLEAN NOT NULL, error_class VARCHAR,
    attachments_stored INTEGER, attachments_awaited INTEGER, server_count INTEGER, permission VARCHAR, requests INTEGER
);
CREATE TABLE probe (
    source VARCHAR NOT NULL, asset VARCHAR NOT NULL, etag VARCHAR NOT NULL, form VARCHAR NOT NULL,
    server_time TIMESTAMP NOT NULL
);
CREATE TABLE decision (
    n INTEGER NOT NULL, _id VARCHAR NOT NULL, _index VARCHAR, content_key VARCHAR, question VARCHAR,
    old VARCHAR, new VARCHAR, change_type VARCHAR NOT NULL, reason VARCHAR, who VARCHAR, "when" TIMESTAMP,
    undone_by INTEGER
);
"""
