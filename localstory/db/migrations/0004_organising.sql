-- 0004_organising.sql: folders, tags, and what a person says of chats, branches and replies.
-- Order by hand is a number with room between neighbours. `messages` and `letters` are kept by triggers: lists sort by them.
BEGIN IMMEDIATE;

CREATE TABLE folder (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    parent_id INTEGER REFERENCES folder (id),
    name TEXT NOT NULL,
    position REAL NOT NULL DEFAULT 0,
    system_prompt TEXT NOT NULL DEFAULT '',
    parameters TEXT NOT NULL DEFAULT '{}',
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

CREATE INDEX folder_parent ON folder (parent_id);

-- `folded` is the name without case and marks: two tags that only differ by those are one.
CREATE TABLE tag (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE chat_tag (
    chat_id INTEGER NOT NULL REFERENCES chat (id),
    tag_id INTEGER NOT NULL REFERENCES tag (id),
    PRIMARY KEY (chat_id, tag_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX chat_tag_tag ON chat_tag (tag_id);

-- The name of the branch that begins with a message.
CREATE TABLE branch (
    message_id INTEGER PRIMARY KEY REFERENCES message (id),
    name TEXT NOT NULL DEFAULT '',
    pinned INTEGER NOT NULL DEFAULT 0
) STRICT;

ALTER TABLE chat ADD COLUMN folder_id INTEGER REFERENCES folder (id);
ALTER TABLE chat ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN archived_at INTEGER;
ALTER TABLE chat ADD COLUMN position REAL NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE chat ADD COLUMN title_by TEXT NOT NULL DEFAULT 'words' CHECK (title_by IN ('words', 'model', 'person'));
ALTER TABLE chat ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN letters INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN mark TEXT NOT NULL DEFAULT '' CHECK (mark IN ('', 'good', 'bad'));

CREATE INDEX chat_folder ON chat (folder_id);

-- Who gave the titles that are there is not known: nobody changes them but the person.
UPDATE chat SET title_by = 'person' WHERE title <> '';

UPDATE chat SET (messages, letters) = (
    SELECT count(*), coalesce(sum(length(text)), 0) FROM message WHERE message.chat_id = chat.id AND message.deleted_at IS NULL
);

CREATE TRIGGER message_counts_in AFTER INSERT ON message WHEN new.deleted_at IS NULL
BEGIN
    UPDATE chat SET messages = messages + 1, letters = letters + length(new.text) WHERE id = new.chat_id;
END;

CREATE TRIGGER message_counts_out AFTER DELETE ON message WHEN old.deleted_at IS NULL
BEGIN
    UPDATE chat SET messages = messages - 1, letters = letters - length(old.text) WHERE id = old.chat_id;
END;

CREATE TRIGGER message_counts_text AFTER UPDATE OF text ON message WHEN new.deleted_at IS NULL AND old.deleted_at IS NULL
BEGIN
    UPDATE chat SET letters = letters + length(new.text) - length(old.text) WHERE id = new.chat_id;
END;

CREATE TRIGGER message_counts_deleted AFTER UPDATE OF deleted_at ON message WHEN (new.deleted_at IS NULL) <> (old.deleted_at IS NULL)
BEGIN
    UPDATE chat SET
        messages = messages + iif(new.deleted_at IS NULL, 1, -1),
        letters = letters + iif(new.deleted_at IS NULL, length(new.text), -length(new.text))
    WHERE id = new.chat_id;
END;

PRAGMA user_version = 4;
COMMIT;
