-- upsert_standings --
-- Write how far learners are, one array for each column; one decided earlier than what is known changes nothing.
INSERT INTO standings AS known (
    tenant, learner, credential, credential_version, kind, status, met, progress, decided_at
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::jsonb[],
    $9::timestamptz[]
)
ON CONFLICT (tenant, learner, credential) DO UPDATE SET
    credential_version = EXCLUDED.credential_version,
    kind = EXCLUDED.kind,
    status = EXCLUDED.status,
    met = EXCLUDED.met,
    progress = EXCLUDED.progress,
    decided_at = EXCLUDED.decided_at,
    written_at = now()
WHERE known.decided_at <= EXCLUDED.decided_at

-- delete_standings --
-- Remove standings of which nothing is told any more.
DELETE FROM standings AS known
USING unnest($1::text[], $2::text[], $3::text[]) AS gone (tenant, learner, credential)
WHERE known.tenant = gone.tenant AND known.learner = gone.learner AND known.credential = gone.credential

-- list_standings --
-- How far one learner is with each credential.
SELECT tenant, learner, credential, credential_version, kind, status, progress, decided_at
FROM standings
WHERE tenant = $1 AND learner = $2
ORDER BY credential
