-- lock_migrations --
-- Let one worker at a time look at the schema; the lock ends with its transaction. The number is "laurel" in ASCII.
SELECT pg_advisory_xact_lock(119165838058860)

-- create_migrations --
-- Where it is written down which migrations were applied, and that they have not changed since.
CREATE TABLE IF NOT EXISTS laurel_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- list_migrations --
-- The migrations that were applied, in order.
SELECT number, name, checksum FROM laurel_migrations ORDER BY number

-- record_migration --
-- Write down that a migration was applied.
INSERT INTO laurel_migrations (number, name, checksum) VALUES ($1, $2, $3)

-- encoding --
-- How the database writes text; anything but UTF8 would refuse names.
SHOW server_encoding

-- ready --
-- The least that a database can be asked.
SELECT 1
