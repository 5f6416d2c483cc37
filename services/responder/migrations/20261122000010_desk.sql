-- migrate:up
CREATE SCHEMA responder;

-- A case is one conversation with one citizen on one account; its id is the hash of those.
CREATE TABLE responder.cases (
    id text PRIMARY KEY,
    platform text NOT NULL,
    account text NOT NULL,
    conversation text NOT NULL,
    citizen text NOT NULL,
    citizen_handle text,
    state text NOT NULL CHECK (state IN ('waiting', 'answered', 'closed')),
    lane text NOT NULL CHECK (lane IN ('emergency', 'dm', 'mention', 'comment', 'thread')),
    lane_rank smallint NOT NULL GENERATED ALWAYS AS (
        array_position(ARRAY['emergency', 'dm', 'mention', 'comment', 'thread'], lane)
    ) STORED,
    version integer NOT NULL DEFAULT 1,
    since timestamptz NOT NULL,
    refused boolean NOT NULL DEFAULT false,
    holder text,
    lease_until timestamptz,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    first_received_at timestamptz NOT NULL,
    first_response_at timestamptz,
    answered_outside_at timestamptz,
    close_reason text
);
COMMENT ON COLUMN responder.cases.since IS 'waiting: receipt of the oldest message without an answer; else when it came into its state';
COMMENT ON COLUMN responder.cases.refused IS 'the platform refused the last reply: a person must look, it is not handed out by itself';
CREATE INDEX cases_queue ON responder.cases (lane_rank, since, id)
    WHERE state = 'waiting' AND NOT refused;
CREATE INDEX cases_by_state ON responder.cases (state, lane_rank, since, id);
CREATE INDEX cases_by_conversation ON responder.cases (platform, account, conversation);

CREATE TABLE responder.messages (
    id text PRIMARY KEY,
    case_id text NOT NULL REFERENCES responder.cases DEFERRABLE INITIALLY DEFERRED,
    own boolean NOT NULL DEFAULT false,
    text text NOT NULL,
    author text,
    author_handle text,
    author_name text,
    language text,
    native text,
    surface text,
    visibility text,
    lane text,
    reason text NOT NULL,
    rules text NOT NULL,
    revision text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    edited_at timestamptz,
    deleted_at timestamptz,
    traceparent text
);
COMMENT ON COLUMN responder.messages.own IS 'a reply of ours that did not leave through Toog';
CREATE INDEX messages_of_case ON responder.messages (case_id, occurred_at);

-- Ids that were deleted; what comes later under such an id is not stored.
CREATE TABLE responder.deleted (
    id text PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE responder.replies (
    id text PRIMARY KEY,
    case_id text NOT NULL REFERENCES responder.cases,
    to_message text NOT NULL REFERENCES responder.messages,
    platform text NOT NULL,
    account text NOT NULL,
    agent text NOT NULL,
    text text NOT NULL,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'held', 'sending', 'sent', 'refused', 'unknown')),
    reason text,
    attempts integer NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT clock_timestamp(),
    approved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sending_at timestamptz,
    sent_at timestamptz,
    deleted_at timestamptz,
    native_id text,
    event_id text UNIQUE,
    idempotency_key text,
    body_hash text NOT NULL,
    traceparent text,
    UNIQUE (agent, idempotency_key)
);
CREATE INDEX replies_of_case ON responder.replies (case_id);
CREATE INDEX replies_by_state ON responder.replies (state);
CREATE INDEX replies_to_send ON responder.replies (platform, approved_at)
    WHERE state IN ('queued', 'held');

-- What leaves for Kafka, written with what it tells.
CREATE TABLE responder.outbox (
    id bigserial PRIMARY KEY,
    activity_id text NOT NULL UNIQUE,
    key text NOT NULL,
    value bytea NOT NULL,
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at timestamptz
);
CREATE INDEX outbox_unsent ON responder.outbox (id) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent ON responder.outbox (sent_at) WHERE sent_at IS NOT NULL;

-- How far the desk topic was taken in, and what became of its records.
CREATE TABLE responder.desk_progress (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    applied bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
);

-- Records that the database refused: read again, they are refused again, never skipped.
CREATE TABLE responder.desk_refused (
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
);

-- Who saw and did what. Ids only; nothing is ever changed or taken out.
CREATE TABLE responder.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    agent text NOT NULL,
    act text NOT NULL CHECK (act IN ('list', 'read', 'claim', 'release', 'reply', 'close')),
    case_id text,
    reply_id text,
    case_ids text[]
);
CREATE INDEX audit_of_case ON responder.audit (case_id, at);
CREATE INDEX audit_replies ON responder.audit (act) WHERE act = 'reply';

CREATE FUNCTION responder.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON responder.audit
    FOR EACH STATEMENT EXECUTE FUNCTION responder.refuse_change();

-- migrate:down
DROP SCHEMA responder CASCADE;
