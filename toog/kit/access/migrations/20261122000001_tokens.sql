-- migrate:up
CREATE SCHEMA access;

CREATE TABLE access.token (
    hash bytea PRIMARY KEY,
    agent text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

COMMENT ON TABLE access.token IS 'Who may call the API as whom. Only SHA-256 hashes are kept: a token is 256 random bits, so a slow hash would add nothing.';

-- migrate:down
DROP SCHEMA access CASCADE;
