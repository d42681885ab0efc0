-- upsert_awards --
-- Write awards, one array for each column; what is known keeps its place unless the revision is higher.
INSERT INTO awards AS known (
    award_id, revision, status, kind, credential, credential_version, tenant, learner, occurrence,
    met_at, expires_at, decided_at, reason, evidence
)
SELECT * FROM unnest(
    $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::jsonb[]
)
ON CONFLICT (award_id) DO UPDATE SET
    revision = EXCLUDED.revision,
    status = EXCLUDED.status,
    kind = EXCLUDED.kind,
    credential = EXCLUDED.credential,
    credential_version = EXCLUDED.credential_version,
    tenant = EXCLUDED.tenant,
    learner = EXCLUDED.learner,
    occurrence = EXCLUDED.occurrence,
    met_at = EXCLUDED.met_at,
    expires_at = EXCLUDED.expires_at,
    decided_at = EXCLUDED.decided_at,
    reason = EXCLUDED.reason,
    evidence = EXCLUDED.evidence,
    written_at = now()
WHERE known.revision < EXCLUDED.revision

-- delete_awards --
-- Remove awards that were erased.
DELETE FROM awards WHERE award_id = ANY ($1::uuid[])

-- list_awards --
-- The awards that match all that is not null, the latest decided first.
SELECT
    award_id, revision, status, kind, credential, credential_version, tenant, learner, occurrence,
    met_at, expires_at, decided_at, reason, evidence
FROM awards
WHERE ($1::text IS NULL OR tenant = $1)
    AND ($2::text IS NULL OR learner = $2)
    AND ($3::text IS NULL OR credential = $3)
    AND ($4::text IS NULL OR status = $4)
ORDER BY decided_at DESC, award_id
LIMIT $5

-- find_award --
-- One award by its id.
SELECT
    award_id, revision, status, kind, credential, credential_version, tenant, learner, occurrence,
    met_at, expires_at, decided_at, reason, evidence
FROM awards
WHERE award_id = $1

-- list_credentials --
-- The credentials that anyone was awarded, each once: a leap from one to the next through the index.
WITH RECURSIVE found AS (
    (SELECT credential FROM awards WHERE tenant = $1 ORDER BY credential LIMIT 1)
    UNION ALL
    SELECT (
        SELECT known.credential FROM awards AS known
        WHERE known.tenant = $1 AND known.credential > found.credential
        ORDER BY known.credential
        LIMIT 1
    )
    FROM found
    WHERE found.credential IS NOT NULL
)
SELECT credential FROM found WHERE credential IS NOT NULL
