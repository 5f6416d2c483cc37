-- migrate:up
ALTER TABLE responder.messages ADD COLUMN kind text;
ALTER TABLE responder.messages ADD COLUMN tag text;
COMMENT ON COLUMN responder.messages.kind IS 'what sort of message the router took it for: incident, question, complaint, criticism, compliment, other; null where it did not say';
COMMENT ON COLUMN responder.messages.tag IS 'what the policy calls the organisation that wrote it: press or partner; never anything of a person';

-- migrate:down
ALTER TABLE responder.messages DROP COLUMN tag;
ALTER TABLE responder.messages DROP COLUMN kind;
