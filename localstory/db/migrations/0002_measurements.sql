-- 0002_measurements.sql: what real loads, replies and rehearsals took on this machine, so that the fit check can show
-- and learn from it. `model_key` is made of the tensor table: two files of one shape and quantisation share it.
BEGIN IMMEDIATE;

CREATE TABLE measurement (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('load', 'reply', 'rehearsal')),
    model_key TEXT NOT NULL,
    model TEXT NOT NULL,
    settings TEXT NOT NULL,
    figures TEXT NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;

CREATE INDEX measurement_model ON measurement (model_key, kind, id DESC);

PRAGMA user_version = 2;
COMMIT;
