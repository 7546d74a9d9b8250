-- A ledger as commit 18e759b made it, with a run that ended and one that died.
BEGIN TRANSACTION;
CREATE TABLE attempts (
    id INTEGER NOT NULL,
    invitation_id INTEGER NOT NULL,
    run_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    started_at DATETIME NOT NULL,
    ended_at DATETIME,
    result VARCHAR,
    http_status INTEGER,
    request_id VARCHAR,
    credits FLOAT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT one_attempt UNIQUE (invitation_id, run_id, number),
    FOREIGN KEY(invitation_id) REFERENCES invitations (id),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
INSERT INTO "attempts" VALUES(1,1,'run-1',1,'2026-11-20 03:30:00.000000','2026-11-20 03:30:00.000000','invited',NULL,NULL,0.25);
INSERT INTO "attempts" VALUES(2,2,'run-1',1,'2026-11-20 03:30:00.000000','2026-11-20 03:30:00.000000','unknown',NULL,NULL,0.25);
INSERT INTO "attempts" VALUES(3,3,'run-1',1,'2026-11-20 03:30:00.000000','2026-11-20 03:30:00.000000','failed',NULL,NULL,0.25);
INSERT INTO "attempts" VALUES(4,4,'run-2',1,'2026-11-20 03:30:00.000000',NULL,NULL,NULL,NULL,0.25);
CREATE TABLE files (
    series VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    run_id VARCHAR,
    done_at DATETIME NOT NULL,
    failed_rows INTEGER NOT NULL,
    PRIMARY KEY (series, sha256)
);
INSERT INTO "files" VALUES('the series','abc','people.csv','run-1','2026-11-20 03:30:00.000000',1);
CREATE TABLE invitations (
    id INTEGER NOT NULL,
    position_id INTEGER NOT NULL,
    candidate_email VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL,
    claimed_at DATETIME NOT NULL,
    unknown_since DATETIME,
    outcome VARCHAR,
    status VARCHAR,
    interview_url TEXT,
    reason TEXT,
    position_def_set_id VARCHAR,
    interview_def_set_id VARCHAR,
    profile_interview_id VARCHAR,
    error_code VARCHAR,
    http_status INTEGER,
    sent_at DATETIME,
    settled_at DATETIME,
    PRIMARY KEY (id),
    CONSTRAINT one_invitation UNIQUE (position_id, candidate_email),
    FOREIGN KEY(position_id) REFERENCES positions (id),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
INSERT INTO "invitations" VALUES(1,1,'p1@example.com','settled','run-1',0,'2026-11-20 03:30:00.000000',NULL,'invited','ai_accept','https://links.example/1',NULL,'set-1',NULL,NULL,NULL,NULL,'2026-11-20 03:30:00.000000','2026-11-20 03:30:00.000000');
INSERT INTO "invitations" VALUES(2,1,'p2@example.com','unknown','run-1',1,'2026-11-20 03:30:00.000000','2026-11-20 03:30:00.000000','unknown',NULL,NULL,NULL,'set-1',NULL,NULL,NULL,NULL,'2026-11-20 03:30:00.000000',NULL);
INSERT INTO "invitations" VALUES(3,1,'p3@example.com','open','run-1',2,'2026-11-20 03:30:00.000000',NULL,'failed',NULL,NULL,NULL,'set-1',NULL,NULL,NULL,NULL,'2026-11-20 03:30:00.000000',NULL);
INSERT INTO "invitations" VALUES(4,1,'p4@example.com','claimed','run-2',3,'2026-11-20 03:30:00.000000',NULL,NULL,NULL,NULL,NULL,'set-1',NULL,NULL,NULL,NULL,'2026-11-20 03:30:00.000000',NULL);
CREATE TABLE meta (
    "key" VARCHAR NOT NULL,
    value VARCHAR,
    PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('schema_version','3');
CREATE TABLE openings (
    name VARCHAR NOT NULL,
    position_id INTEGER NOT NULL,
    run_id VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL,
    at DATETIME NOT NULL,
    PRIMARY KEY (name),
    FOREIGN KEY(position_id) REFERENCES positions (id),
    FOREIGN KEY(run_id) REFERENCES runs (run_id)
);
CREATE TABLE paces (
    "key" VARCHAR NOT NULL,
    due FLOAT NOT NULL,
    paused_until FLOAT NOT NULL,
    PRIMARY KEY ("key")
);
CREATE TABLE position_aliases (
    account VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    position_id INTEGER NOT NULL,
    PRIMARY KEY (account, "key"),
    FOREIGN KEY(position_id) REFERENCES positions (id)
);
INSERT INTO "position_aliases" VALUES('https://api.example|m|live','name:nurse',1);
INSERT INTO "position_aliases" VALUES('https://api.example|m|live','id:set-1',1);
CREATE TABLE positions (
    id INTEGER NOT NULL,
    account VARCHAR NOT NULL,
    opening_key VARCHAR,
    position_def_set_id VARCHAR,
    opened_at DATETIME,
    PRIMARY KEY (id)
);
INSERT INTO "positions" VALUES(1,'https://api.example|m|live','nurse','set-1','2026-11-20 03:30:00.000000');
CREATE TABLE run_rows (
    run_id VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL,
    source VARCHAR NOT NULL,
    "row" INTEGER NOT NULL,
    position_id INTEGER,
    candidate_email VARCHAR,
    candidate_name VARCHAR,
    candidate_external_id VARCHAR,
    position_name VARCHAR,
    position_def_set_id VARCHAR,
    outcome VARCHAR,
    error_code VARCHAR,
    error_field VARCHAR,
    error_message TEXT,
    attempts INTEGER NOT NULL,
    http_status INTEGER,
    sent_at DATETIME,
    settled_at DATETIME,
    cells TEXT NOT NULL,
    PRIMARY KEY (run_id, ordinal),
    FOREIGN KEY(run_id) REFERENCES runs (run_id),
    FOREIGN KEY(position_id) REFERENCES positions (id)
);
INSERT INTO "run_rows" VALUES('run-1',0,'people.csv',2,1,'p1@example.com','Ann',NULL,'Nurse',NULL,'invited',NULL,NULL,NULL,1,NULL,NULL,NULL,'{}');
INSERT INTO "run_rows" VALUES('run-1',1,'people.csv',3,1,'p2@example.com','Ann',NULL,'Nurse',NULL,'unknown',NULL,NULL,NULL,1,NULL,NULL,NULL,'{}');
INSERT INTO "run_rows" VALUES('run-1',2,'people.csv',4,1,'p3@example.com','Ann',NULL,'Nurse',NULL,'failed',NULL,NULL,NULL,1,NULL,NULL,NULL,'{}');
INSERT INTO "run_rows" VALUES('run-2',3,'people.csv',5,1,'p4@example.com','Ann',NULL,'Nurse',NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,'{}');
CREATE TABLE runs (
    run_id VARCHAR NOT NULL,
    base_url VARCHAR NOT NULL,
    merchant VARCHAR NOT NULL,
    environment VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    owner VARCHAR NOT NULL,
    lease_until DATETIME,
    started_at DATETIME NOT NULL,
    ended_at DATETIME,
    exit_code INTEGER,
    rows INTEGER NOT NULL,
    stop_code VARCHAR,
    stop_message TEXT,
    layouts TEXT NOT NULL,
    summary TEXT,
    series VARCHAR,
    to_send INTEGER,
    known INTEGER,
    parent_id VARCHAR,
    PRIMARY KEY (run_id)
);
INSERT INTO "runs" VALUES('run-1','https://api.example','m','live','ended','old-host|1|0.00','2026-11-20 03:31:00.000000','2026-11-20 03:30:00.000000','2026-11-20 03:35:00.000000',3,3,NULL,NULL,'[]',NULL,'the series',3,0,NULL);
INSERT INTO "runs" VALUES('run-2','https://api.example','m','live','running','old-host|2|0.00','2026-11-20 03:31:00.000000','2026-11-20 03:30:00.000000',NULL,NULL,3,NULL,NULL,'[]',NULL,'the series',3,0,NULL);
CREATE TABLE troubles (
    id INTEGER NOT NULL,
    series VARCHAR NOT NULL,
    at DATETIME NOT NULL,
    kind VARCHAR NOT NULL,
    PRIMARY KEY (id)
);
INSERT INTO "troubles" VALUES(1,'the series','2026-11-20 03:30:00.000000','volume');
CREATE INDEX runs_by_series ON runs (series, started_at);
CREATE INDEX runs_by_parent ON runs (parent_id);
CREATE INDEX troubles_by_series ON troubles (series, at);
CREATE INDEX positions_by_opening_key ON positions (account, opening_key);
CREATE INDEX invitations_by_run ON invitations (run_id, state);
CREATE INDEX invitations_in_doubt ON invitations (position_id) WHERE state IN ('claimed', 'unknown');
CREATE INDEX run_rows_by_email ON run_rows (candidate_email);
CREATE INDEX run_rows_by_position ON run_rows (run_id, position_id);
CREATE INDEX attempts_by_start ON attempts (started_at);
COMMIT;
