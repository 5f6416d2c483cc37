-- migrate:up
ALTER TABLE responder.audit DROP CONSTRAINT audit_act_check;
ALTER TABLE responder.audit ADD CONSTRAINT audit_act_check CHECK (act IN (
    'list', 'read', 'claim', 'release', 'reply', 'close',
    'review', 'revive', 'rejudge', 'find',
    'dead_list', 'dead_show', 'dead_replay', 'dead_drop', 'resume'
)) NOT VALID;
ALTER TABLE responder.audit VALIDATE CONSTRAINT audit_act_check;
ALTER TABLE responder.audit ADD COLUMN why text;
ALTER TABLE responder.audit ADD COLUMN records text[];
COMMENT ON COLUMN responder.audit.why IS 'why the log was looked into or changed, in the words of who did it';
COMMENT ON COLUMN responder.audit.records IS 'coordinates of the records in Kafka that were shown or changed';
CREATE INDEX audit_of_record ON responder.audit USING gin (records) WHERE records IS NOT NULL;

-- migrate:down
DROP INDEX responder.audit_of_record;
ALTER TABLE responder.audit DROP COLUMN records;
ALTER TABLE responder.audit DROP COLUMN why;
