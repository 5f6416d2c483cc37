-- migrate:up
CREATE SCHEMA metrics;

CREATE TABLE metrics.position (
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);
COMMENT ON TABLE metrics.position IS 'How far each topic was taken in, written with its effect: a restored database is read again from here.';

CREATE TABLE metrics.coverage (
    topic text NOT NULL,
    partition int NOT NULL,
    block bigint NOT NULL,
    judged int NOT NULL DEFAULT 0,
    marks bytea NOT NULL,
    PRIMARY KEY (topic, partition, block) INCLUDE (judged),
    CHECK (octet_length(marks) = 1000)
);
COMMENT ON TABLE metrics.coverage IS 'A byte per intake offset, 1000 to a block: which verdict stands on it (services/metrics/coverage.py). judged counts the bytes that are not 0.';

CREATE TABLE metrics.total (
    kind text NOT NULL,
    label text NOT NULL,
    n bigint NOT NULL,
    overruled bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, label)
);
COMMENT ON TABLE metrics.total IS 'What stands behind the counters: n stands now, overruled stood until a higher verdict came.';

CREATE TABLE metrics.minute (
    minute timestamptz NOT NULL,
    kind text NOT NULL,
    label text NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (minute, kind, label)
);
COMMENT ON TABLE metrics.minute IS 'Load per minute of receipt (replies: of sending).';

CREATE TABLE metrics.dead_letter (
    stage text NOT NULL,
    record text NOT NULL,
    desk_partition int,
    desk_offset bigint,
    PRIMARY KEY (stage, record)
);
COMMENT ON TABLE metrics.dead_letter IS 'Each dead letter once, by its coordinates; those of a desk record in the responder also as numbers.';

CREATE TABLE metrics.seen_activity (
    id text PRIMARY KEY,
    at timestamptz NOT NULL
);
COMMENT ON TABLE metrics.seen_activity IS 'Activities that were counted: the outbox may tell one twice.';

CREATE TABLE metrics.desk (
    partition int PRIMARY KEY,
    covered int8multirange NOT NULL,
    again int8multirange NOT NULL DEFAULT '{}',
    stored bigint NOT NULL,
    duplicates bigint NOT NULL,
    applied bigint NOT NULL
);
COMMENT ON TABLE metrics.desk IS 'What the responder said of its batches: the offsets they span, those that a later batch spans again (refused first, taken in after all), and what became of their records.';

CREATE TABLE metrics.desk_deficit (
    activity text PRIMARY KEY,
    partition int NOT NULL,
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    missing bigint NOT NULL
);
COMMENT ON TABLE metrics.desk_deficit IS 'Batches of the responder that span more records than they account for: the rest must be dead letters.';

-- migrate:down
DROP SCHEMA metrics CASCADE;
