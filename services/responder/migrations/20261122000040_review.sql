-- migrate:up
-- Which dropped records were shown in a review, and which were brought to the desk: for the rate
-- of false drops. No text, no citizen; the records themselves are gone from Kafka after 72 hours.
CREATE TABLE responder.reviewed (
    record text PRIMARY KEY,
    reason text,
    rules text,
    shown_at timestamptz,
    revived_at timestamptz,
    CHECK ((shown_at IS NULL) = (reason IS NULL)),
    CHECK (shown_at IS NOT NULL OR revived_at IS NOT NULL)
);
COMMENT ON COLUMN responder.reviewed.reason IS 'why it was dropped; null: revived without having been shown';
COMMENT ON COLUMN responder.reviewed.shown_at IS 'first shown with its text';
CREATE INDEX reviewed_by_time ON responder.reviewed (shown_at);

-- migrate:down
DROP TABLE responder.reviewed;
