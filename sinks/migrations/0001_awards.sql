-- Awards, people and standings: what Laurel has said, as the portal, the API and the command line read it.

CREATE TABLE awards (
    award_id           uuid PRIMARY KEY,
    revision           integer NOT NULL,
    status             text NOT NULL,
    kind               text NOT NULL,
    credential         text NOT NULL,
    credential_version text NOT NULL,
    tenant             text NOT NULL,
    learner            text NOT NULL,
    occurrence         text NOT NULL,
    met_at             timestamptz,
    expires_at         timestamptz,
    decided_at         timestamptz NOT NULL,
    reason             text NOT NULL,
    evidence           jsonb NOT NULL,
    first_written_at   timestamptz NOT NULL DEFAULT now(),
    written_at         timestamptz NOT NULL DEFAULT now(),
    -- An index holds at most 2,704 bytes a row; beyond this one row is refused rather than a batch stopped.
    CONSTRAINT awards_ids_fit CHECK (octet_length(tenant) + octet_length(learner) + octet_length(credential) <= 2000)
);
CREATE INDEX awards_of_learner ON awards (tenant, learner);
CREATE INDEX awards_of_credential ON awards (tenant, credential, status);

-- The only table that holds names.
CREATE TABLE people (
    tenant       text NOT NULL,
    learner      text NOT NULL,
    full_name    text NOT NULL,
    first_name   text NOT NULL,
    last_name    text NOT NULL,
    language     text NOT NULL,
    email_sha256 text NOT NULL,
    occurred_at  timestamptz NOT NULL,
    -- Ids are compared by their code points wherever Laurel breaks a tie, so here too.
    event_id     text COLLATE "C" NOT NULL,
    written_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, learner),
    CONSTRAINT people_ids_fit CHECK (octet_length(tenant) + octet_length(learner) <= 2000)
);

CREATE TABLE standings (
    tenant             text NOT NULL,
    learner            text NOT NULL,
    credential         text COLLATE "C" NOT NULL,
    credential_version text NOT NULL,
    kind               text NOT NULL,
    status             text,
    met                boolean NOT NULL,
    progress           jsonb NOT NULL,
    decided_at         timestamptz NOT NULL,
    written_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, learner, credential),
    CONSTRAINT standings_ids_fit CHECK (octet_length(tenant) + octet_length(learner) + octet_length(credential) <= 2000)
);
