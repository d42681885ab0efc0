-- upsert_people --
-- Write what learners are called, one array for each column; the newest names win, the event's id breaks a tie.
INSERT INTO people AS known (
    tenant, learner, full_name, first_name, last_name, language, email_sha256, occurred_at, event_id
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[]
)
ON CONFLICT (tenant, learner) DO UPDATE SET
    full_name = EXCLUDED.full_name,
    first_name = EXCLUDED.first_name,
    last_name = EXCLUDED.last_name,
    language = EXCLUDED.language,
    email_sha256 = EXCLUDED.email_sha256,
    occurred_at = EXCLUDED.occurred_at,
    event_id = EXCLUDED.event_id,
    written_at = now()
WHERE (known.occurred_at, known.event_id) < (EXCLUDED.occurred_at, EXCLUDED.event_id)

-- delete_people --
-- Remove the names of learners who were erased.
DELETE FROM people AS known
USING unnest($1::text[], $2::text[]) AS gone (tenant, learner)
WHERE known.tenant = gone.tenant AND known.learner = gone.learner

-- find_person --
-- What one learner is called.
SELECT tenant, learner, full_name, first_name, last_name, language, email_sha256, occurred_at, event_id
FROM people
WHERE tenant = $1 AND learner = $2
