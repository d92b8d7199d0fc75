-- Who does what where: each organisation that provides a service in a site, by monitoring round.
--
-- A provider named differently in two answers (BRHA, B.R.H.A) is one organisation and one row: names are resolved
-- through the list of spellings, also those written beside "other". A partnership's spelling gives a row for each
-- partner. A name that nothing resolves is kept as it was written (a telephone number in it is replaced by …), with
-- resolved = false. The agency that manages a camp counts as its provider of camp management. Answers such as "none"
-- name nobody. Reports about months after as_of are left aside.
--
-- key: period, site, activity_area, organisation, organisation_name, role, reported_as
-- public: period, latest, site, site_name, adm1_pcode, adm1_name, activity_area, activity_area_name, cluster,
--   organisation, org_type, resolved, role, reported_as
-- partners: organisation_name, organisation_acronym, source, form_version, record
-- column period: month of the monitoring report
-- column latest: true in the site's latest report
-- column site: site id as in the master list
-- column site_name: name in English; the id where the master list does not know the site
-- column adm1_pcode: P-code of the governorate (2019), by the master list
-- column adm1_name: governorate by the master list
-- column activity_area: code of the activity area; empty where the report did not say
-- column activity_area_name: activity area in English
-- column cluster: cluster that the activity area belongs to
-- column organisation: code of the organisation; empty where its name is not resolved
-- column organisation_name: full name of the organisation, or the name as it was written
-- column organisation_acronym: short name of the organisation, or the name as it was written
-- column org_type: UN, international or national NGO, government …
-- column resolved: true where the name is one that we know
-- column role: lead, implementing or donor; empty where the form did not ask
-- column reported_as: service, or management agency
-- column source: source of the report
-- column form_version: form version of the report
-- column record: _id of the report

WITH report AS (
    SELECT
        f._source, f._asset, f._id, f._form_version, f._period, f.site, f.management_agency,
        f.management_agency_other,
        f._period = max(f._period) OVER (PARTITION BY f.site) AS latest
    FROM clean.fsmt AS f
    CROSS JOIN meta.as_of AS a
    WHERE
        f.site IS NOT NULL
        AND NOT (regexp_full_match(f._period, '[0-9]{4}-[0-9]{2}') AND f._period > strftime(a.as_of, '%Y-%m'))
),

answer AS (
    SELECT
        r._period, r.latest, r.site, r._source, r._form_version, r._id,
        unnest(coalesce(nullif(s.activity_area, []), [CAST(NULL AS VARCHAR)])) AS activity_area,
        CASE
            WHEN coalesce(s.organisation, 'other') = 'other' THEN coalesce(s.organisation_other, s.organisation)
            ELSE s.organisation
        END AS as_written,
        s.role,
        'service' AS reported_as
    FROM report AS r
    INNER JOIN clean.fsmt__service AS s ON s._source = r._source AND s._asset = r._asset AND s._id = r._id
    UNION ALL
    SELECT
        _period, latest, site, _source, _form_version, _id,
        'camp_management',
        CASE
            WHEN coalesce(management_agency, 'other') = 'other' THEN coalesce(management_agency_other, management_agency)
            ELSE management_agency
        END,
        NULL,
        'management agency'
    FROM report
),

named AS (
    SELECT
        *,
        lower(trim(regexp_replace(as_written, '\s+', ' ', 'g'))) AS spelling,
        trim(regexp_replace(
            regexp_replace(as_written, '[+0-9٠-٩۰-۹][0-9٠-٩۰-۹ ()./-]{5,}[0-9٠-٩۰-۹]', '…', 'g'), '\s+', ' ', 'g'
        )) AS shown
    FROM answer
),

provider AS (
    SELECT
        n.*,
        o.organisation AS known,
        CASE
            WHEN o.organisation IS NOT NULL THEN o.name
            WHEN n.spelling = 'other' THEN '(not named)'
            ELSE min(n.shown) OVER (PARTITION BY lower(n.shown))
        END AS organisation_name,
        o.acronym,
        o.org_type
    FROM named AS n
    LEFT JOIN curated.organisation_spelling AS w ON w.spelling = n.spelling
    LEFT JOIN curated.organisation AS o ON o.organisation = w.organisation
    WHERE
        n.spelling NOT IN (
            '', '-', '0', 'na', 'n/a', 'nil', 'no', 'no one', 'nobody', 'none', 'not applicable', 'لا يوجد'
        )
)

SELECT DISTINCT
    p._period AS period,
    p.latest,
    p.site,
    coalesce(m.name_en, p.site) AS site_name,
    m.adm1_pcode,
    g.name_en AS adm1_name,
    p.activity_area,
    coalesce(t.name_en, p.activity_area) AS activity_area_name,
    t.cluster,
    p.known AS organisation,
    p.organisation_name,
    coalesce(p.acronym, p.organisation_name) AS organisation_acronym,
    p.org_type,
    p.known IS NOT NULL AS resolved,
    p.role,
    p.reported_as,
    p._source AS source,
    p._form_version AS form_version,
    p._id AS record
FROM provider AS p
LEFT JOIN reference.site AS m ON m.site = p.site
LEFT JOIN reference.governorate AS g ON g.adm1_pcode = m.adm1_pcode
LEFT JOIN reference.activity_area AS t ON t.activity_area = p.activity_area
