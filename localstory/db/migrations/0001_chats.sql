-- 0001_chats.sql: chats as trees of messages that never change once they are finished.
-- Times are milliseconds since 1970, UTC; order is by id, since clocks jump.
BEGIN IMMEDIATE;

CREATE TABLE chat (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL DEFAULT '',
    tip_id INTEGER REFERENCES message (id),
    draft TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    system_prompt TEXT NOT NULL DEFAULT '',
    parameters TEXT NOT NULL DEFAULT '{}',
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    chat_id INTEGER NOT NULL REFERENCES chat (id),
    parent_id INTEGER REFERENCES message (id),
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    text TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('streaming', 'finished', 'stopped', 'failed')),
    model TEXT NOT NULL DEFAULT '',
    engine TEXT NOT NULL DEFAULT '',
    made_of TEXT NOT NULL DEFAULT '{}',
    trouble TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    deleted_at INTEGER
) STRICT;

CREATE INDEX chat_used ON chat (used_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX message_chat ON message (chat_id, id);
CREATE INDEX message_parent ON message (parent_id);
CREATE INDEX message_streaming ON message (id) WHERE state = 'streaming';

CREATE TRIGGER message_is_immutable
BEFORE UPDATE OF uid, chat_id, parent_id, role, text, state, model, engine, created_at ON message
WHEN old.state <> 'streaming'
BEGIN
    SELECT RAISE (ABORT, 'a finished message never changes');
END;

PRAGMA application_id = 0x4C535459;
PRAGMA user_version = 1;
COMMIT;
