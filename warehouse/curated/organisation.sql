-- The organisations of the reference list, each once, with the short name that the field calls it by.
--
-- The short name is the recorded spelling that equals the organisation's code but for capitals and signs (BRHA for
-- brha); where none is recorded, it is the code in capitals.
--
-- key: organisation
-- public: organisation, name, acronym, org_type
-- column organisation: our code of the organisation, as in the choice list of the forms
-- column name: full name
-- column acronym: short name
-- column org_type: UN, international or national NGO, government …

WITH spelt_like_the_code AS (
    SELECT a.organisation, a.alias
    FROM reference.organisation_alias AS a
    WHERE regexp_replace(lower(a.alias), '[^a-z0-9]', '', 'g') = regexp_replace(a.organisation, '[^a-z0-9]', '', 'g')
    QUALIFY row_number() OVER (PARTITION BY a.organisation ORDER BY length(a.alias), a.alias) = 1
)

SELECT
    o.organisation,
    coalesce(nullif(trim(o.name), ''), o.organisation) AS name,
    coalesce(s.alias, upper(replace(o.organisation, '_', ' '))) AS acronym,
    o.org_type
FROM reference.organisation AS o
LEFT JOIN spelt_like_the_code AS s ON s.organisation = o.organisation
