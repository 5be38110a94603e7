-- 0005_search.sql: what is searched. `folded` holds a text without case and marks, written by the program (chats/folding.py), since no
-- tokenizer of SQLite finds `đường` for `duong`. Positive ids are messages, negative ones chats (title, note and tags together).
-- `unfolded` is the list of what is to be folded, or to be forgotten: triggers fill it, so that nobody who writes a message can
-- forget it. (The index of words itself can't be written by triggers: with trusted_schema off SQLite refuses them.)
BEGIN IMMEDIATE;

CREATE TABLE folded (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

CREATE VIRTUAL TABLE folded_words USING fts5 (text, content = 'folded', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 0', prefix = '1 2');

CREATE TABLE unfolded (
    id INTEGER PRIMARY KEY
) STRICT;

CREATE TRIGGER unfolded_message AFTER INSERT ON message WHEN new.state <> 'streaming'
BEGIN
    INSERT OR IGNORE INTO unfolded (id) VALUES (new.id);
END;

CREATE TRIGGER unfolded_reply AFTER UPDATE OF state ON message WHEN old.state = 'streaming' AND new.state <> 'streaming'
BEGIN
    INSERT OR IGNORE INTO unfolded (id) VALUES (new.id);
END;

CREATE TRIGGER unfolded_chat AFTER INSERT ON chat
BEGIN
    INSERT OR IGNORE INTO unfolded (id) VALUES (-new.id);
END;

CREATE TRIGGER unfolded_title AFTER UPDATE OF title, note ON chat WHEN new.title <> old.title OR new.note <> old.note
BEGIN
    INSERT OR IGNORE INTO unfolded (id) VALUES (-new.id);
END;

CREATE TRIGGER unfolded_tagged AFTER INSERT ON chat_tag
BEGIN
    INSERT OR IGNORE INTO unfolded (id) VALUES (-new.chat_id);
END;

CREATE TRIGGER unfolded_retagged AFTER UPDATE ON chat_tag
BEGIN
    INSERT OR IGNORE INTO unfolded (id) VALUES (-new.chat_id);
END;

CREATE TRIGGER unfolded_untagged AFTER DELETE ON chat_tag
BEGIN
    INSERT OR IGNORE INTO unfolded (id) SELECT -id FROM chat WHERE id = old.chat_id;
END;

CREATE TRIGGER unfolded_tag AFTER UPDATE OF name ON tag
BEGIN
    INSERT OR IGNORE INTO unfolded (id) SELECT -chat_id FROM chat_tag WHERE tag_id = new.id;
END;

CREATE TRIGGER unfolded_gone AFTER DELETE ON message
BEGIN
    INSERT OR IGNORE INTO unfolded (id) VALUES (old.id);
END;

CREATE TRIGGER unfolded_chat_gone AFTER DELETE ON chat
BEGIN
    INSERT OR IGNORE INTO unfolded (id) VALUES (-old.id);
END;

INSERT INTO unfolded (id) SELECT id FROM message WHERE state <> 'streaming';
INSERT INTO unfolded (id) SELECT -id FROM chat;

PRAGMA user_version = 5;
COMMIT;
