-- migrate:up
ALTER TABLE responder.messages ADD COLUMN reply_context jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN responder.messages.reply_context IS 'what else the platform must be told in a reply to this message; ids only';

-- migrate:down
ALTER TABLE responder.messages DROP COLUMN reply_context;
