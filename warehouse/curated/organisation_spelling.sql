-- Every spelling of an organisation's name that we accept, and the organisation that it means.
--
-- Spellings are in small letters with single spaces. An organisation's own code and name are spellings of it too. A
-- spelling that names a partnership (SWEDO-PDO) has one row for each organisation. A code means its organisation and
-- nothing else, whatever the alias list says.
--
-- key: spelling, organisation
-- public: spelling, organisation
-- column spelling: the name in small letters, single spaces, none around it
-- column organisation: code of the organisation that is meant

WITH written AS (
    SELECT organisation AS as_written, organisation, TRUE AS is_code FROM reference.organisation
    UNION ALL
    SELECT name, organisation, FALSE FROM reference.organisation
    UNION ALL
    SELECT alias, organisation, FALSE FROM reference.organisation_alias
),

spelt AS (
    SELECT lower(trim(regexp_replace(as_written, '\s+', ' ', 'g'))) AS spelling, organisation, is_code
    FROM written
)

SELECT DISTINCT s.spelling, s.organisation
FROM spelt AS s
WHERE
    s.spelling <> ''
    AND (s.is_code OR s.spelling NOT IN (SELECT c.spelling FROM spelt AS c WHERE c.is_code))
