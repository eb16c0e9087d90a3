-- The tables of blocks and history as their first version made them, with a row each.
CREATE TABLE dowel_schema (component TEXT PRIMARY KEY, version BIGINT NOT NULL);
CREATE TABLE blocks (type TEXT NOT NULL, name TEXT NOT NULL, revision BIGINT NOT NULL, version BIGINT NOT NULL, document TEXT NOT NULL,
    sealed TEXT, key_id TEXT, created BIGINT NOT NULL, updated BIGINT NOT NULL, PRIMARY KEY (type, name));
INSERT INTO dowel_schema VALUES ('blocks', 1);
INSERT INTO blocks VALUES ('s3-bucket', 'old', 3, 1, '{"bucket":"old.example"}', NULL, NULL, 1700000000000000, 1700000001000000);
CREATE TABLE runs (id TEXT PRIMARY KEY, parent TEXT, kind TEXT NOT NULL, task TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
    attempts BIGINT NOT NULL, created BIGINT NOT NULL, started BIGINT, ended BIGINT, args TEXT, error TEXT, storage TEXT, storage_key TEXT,
    process TEXT NOT NULL);
CREATE INDEX runs_by_time ON runs (created);
CREATE INDEX runs_by_parent ON runs (parent);
CREATE TABLE run_handles (run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL,
    secret BIGINT NOT NULL, PRIMARY KEY (run, name));
CREATE TABLE run_logs (run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, at BIGINT NOT NULL, level TEXT NOT NULL,
    line TEXT NOT NULL);
CREATE INDEX run_logs_by_run ON run_logs (run, at);
INSERT INTO dowel_schema VALUES ('runs', 1);
INSERT INTO runs VALUES ('018bcfe5-6800-7000-8000-000000000001', NULL, 'task', 'gcs.list', 'gcs.list', 'completed', 1, 1700000000000000,
    1700000000000000, 1700000002000000, '{"bucket":{"$block":"gcs-bucket/b"}}', NULL, NULL, NULL, '1/1/host');
