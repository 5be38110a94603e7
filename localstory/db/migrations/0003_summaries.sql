-- 0003_summaries.sql: what stands for the beginning of a branch when a chat no longer fits, and on which server a chat is written.
-- A summary belongs to the last message it stands for: every branch through that message can use it. The fingerprint is of all
-- messages up to there, so that one under which something changed is never used. People may read, change and delete it.
BEGIN IMMEDIATE;

CREATE TABLE summary (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    chat_id INTEGER NOT NULL REFERENCES chat (id),
    message_id INTEGER NOT NULL REFERENCES message (id),
    text TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    written_by TEXT NOT NULL CHECK (written_by IN ('model', 'person')),
    model TEXT NOT NULL DEFAULT '',
    engine TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

CREATE INDEX summary_chat ON summary (chat_id, id) WHERE deleted_at IS NULL;
CREATE INDEX summary_message ON summary (message_id);

-- Empty: the built-in engine. Otherwise the kind of server and its address; `model` is the server's name for the model then.
ALTER TABLE chat ADD COLUMN engine TEXT NOT NULL DEFAULT '';
ALTER TABLE chat ADD COLUMN server TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 3;
COMMIT;
