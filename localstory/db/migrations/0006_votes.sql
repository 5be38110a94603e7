-- 0006_votes.sql: several models that were asked the same, and what the person thought of their answers.
-- A vote outlives the chat and the messages it was about: the names of the models and their figures stay with it.
-- While a blind vote is open (`blind`, and no verdict) nobody is shown who wrote its answers.
BEGIN IMMEDIATE;

CREATE TABLE vote (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    chat_id INTEGER REFERENCES chat (id) ON DELETE SET NULL,
    question_id INTEGER REFERENCES message (id) ON DELETE SET NULL,
    blind INTEGER NOT NULL,
    verdict TEXT NOT NULL DEFAULT '' CHECK (verdict IN ('', 'best', 'same', 'none', 'skipped')),
    created_at INTEGER NOT NULL,
    voted_at INTEGER
) STRICT;

CREATE INDEX vote_chat ON vote (chat_id);
CREATE INDEX vote_question ON vote (question_id);

-- `model` is what a person calls it, `file` tells two files of one name apart. `counts` is 0 for an answer without words.
CREATE TABLE vote_answer (
    vote_id INTEGER NOT NULL REFERENCES vote (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    message_id INTEGER REFERENCES message (id) ON DELETE SET NULL,
    engine TEXT NOT NULL,
    model TEXT NOT NULL,
    file TEXT NOT NULL DEFAULT '',
    won INTEGER NOT NULL DEFAULT 0,
    counts INTEGER NOT NULL DEFAULT 1,
    tokens_per_second REAL,
    first_token_s REAL,
    PRIMARY KEY (vote_id, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX vote_answer_message ON vote_answer (message_id);

PRAGMA user_version = 6;
COMMIT;
