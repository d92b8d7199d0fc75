-- Each formal site of the master list with its latest known state.
--
-- Places come from the master list alone: never from the digits of the site id, which follow the governorate numbers of
-- 2014, and never from what a report said (that stands beside, in governorate_reported). Shelter, water and management
-- come from the latest monitoring report (fsmt). Families and people come from the latest monitoring report or the
-- latest monthly population report, whichever is of the later month; of one month, the population report. Reports about
-- months after as_of are left aside. Children and adults are sums that both generations of age bands can give: 0–4 and
-- 5–17, or 0–2, 3–5, 6–11 and 12–17, are the same under-18s. Where one band is blank, the sum is blank, not too small.
--
-- key: site
-- public: site, site_name, site_name_ar, site_level, parent_site, site_type, is_open, open_according_to,
--   adm1_pcode, adm1_name, adm1_name_ar, adm2_pcode, adm2_name, adm2_name_ar, adm3_pcode, adm3_name, lat, lon,
--   management_agency, families, individuals, plots_capacity, water_lpd, latrines_functional, persons_per_latrine,
--   fsmt_period, figures_tool, figures_period
-- partners: management_agency_name, management_agency_acronym, governorate_reported, governorate_differs,
--   closure_planned, children, girls, boys, women, men, older, fsmt_source, fsmt_version, fsmt_record, figures_source,
--   figures_version, figures_record
-- column site: site id of the master list
-- column site_name: name in English
-- column site_name_ar: name in Arabic
-- column site_level: site or sub-site
-- column parent_site: the site that a sub-site belongs to
-- column site_type: camp, collective centre or reception centre, by the latest monitoring report
-- column is_open: whether the site is open, by the later report, else by the master list
-- column open_according_to: where is_open comes from: fsmt, population or the master list
-- column adm1_pcode: P-code of the governorate (2019), by the master list
-- column adm1_name: governorate by the master list
-- column adm1_name_ar: governorate in Arabic
-- column adm2_pcode: P-code of the district (2019), by the master list
-- column adm2_name: district by the master list
-- column adm2_name_ar: district in Arabic
-- column adm3_pcode: P-code of the subdistrict (2019), by the master list
-- column adm3_name: subdistrict by the master list
-- column lat: latitude in the master list
-- column lon: longitude in the master list
-- column governorate_reported: governorate in the latest monitoring report, else in the latest population report
-- column governorate_differs: true where the reported governorate is not the one of the master list
-- column closure_planned: yes or no, by the latest monitoring report
-- column management_agency: code of the managing organisation; several are joined by +
-- column management_agency_name: its full name; as it was written where the name is not known to us
-- column management_agency_acronym: its short name
-- column families: families living in the site
-- column individuals: people living in the site
-- column children: people under 18
-- column girls: girls under 18
-- column boys: boys under 18
-- column women: women of 18 and older
-- column men: men of 18 and older
-- column older: people of 60 and older
-- column plots_capacity: plots, or families that the site can host
-- column water_lpd: litres of water a person and day
-- column latrines_functional: latrines in working order
-- column persons_per_latrine: people by functional latrine, both of the same monitoring report
-- column fsmt_period: month of the latest monitoring report
-- column fsmt_source: source of that report
-- column fsmt_version: form version of that report
-- column fsmt_record: _id of that report
-- column figures_tool: tool that families, individuals, sex and age come from
-- column figures_period: month of those figures
-- column figures_source: source of those figures
-- column figures_version: form version of those figures
-- column figures_record: _id of those figures

WITH today AS (
    SELECT strftime(as_of, '%Y-%m') AS month FROM meta.as_of
),

monitored AS (
    SELECT f.*
    FROM clean.fsmt AS f
    CROSS JOIN today AS t
    WHERE NOT (regexp_full_match(f._period, '[0-9]{4}-[0-9]{2}') AND f._period > t.month)
    QUALIFY row_number() OVER (
        PARTITION BY f.site ORDER BY f._period DESC, f._submitted_at DESC NULLS LAST, f._source, f._asset, f._id
    ) = 1
),

counted AS (
    SELECT p.*
    FROM clean.population AS p
    CROSS JOIN today AS t
    WHERE NOT (regexp_full_match(p._period, '[0-9]{4}-[0-9]{2}') AND p._period > t.month)
    QUALIFY row_number() OVER (
        PARTITION BY p.site ORDER BY p._period DESC, p._submitted_at DESC NULLS LAST, p._source, p._asset, p._id
    ) = 1
),

-- 0::HUGEINT: a sum of absurd numbers shall be blank, not the end of the build.
either_count AS (
    SELECT
        'fsmt' AS tool, site, _period, _source, _form_version, _id,
        total_families AS families, total_population AS individuals,
        try_cast(coalesce(
            0::HUGEINT + females_0_2 + females_3_5 + females_6_11 + females_12_17,
            0::HUGEINT + females_0_4 + females_5_17
        ) AS BIGINT) AS girls,
        try_cast(coalesce(
            0::HUGEINT + males_0_2 + males_3_5 + males_6_11 + males_12_17,
            0::HUGEINT + males_0_4 + males_5_17
        ) AS BIGINT) AS boys,
        try_cast(
            coalesce(0::HUGEINT + females_18_30 + females_31_59, females_18_59) + females_60_over AS BIGINT
        ) AS women,
        try_cast(coalesce(0::HUGEINT + males_18_30 + males_31_59, males_18_59) + males_60_over AS BIGINT) AS men,
        try_cast(0::HUGEINT + females_60_over + males_60_over AS BIGINT) AS older
    FROM monitored
    UNION ALL
    SELECT
        'population', site, _period, _source, _form_version, _id, families, individuals,
        try_cast(0::HUGEINT + females_0_2 + females_3_5 + females_6_11 + females_12_17 AS BIGINT),
        try_cast(0::HUGEINT + males_0_2 + males_3_5 + males_6_11 + males_12_17 AS BIGINT),
        try_cast(0::HUGEINT + females_18_30 + females_31_59 + females_60_over AS BIGINT),
        try_cast(0::HUGEINT + males_18_30 + males_31_59 + males_60_over AS BIGINT),
        try_cast(0::HUGEINT + females_60_over + males_60_over AS BIGINT)
    FROM counted
),

figures AS (
    SELECT *
    FROM either_count
    WHERE individuals IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY site ORDER BY _period DESC, tool DESC) = 1
),

opened AS (
    SELECT
        m.site,
        CASE f.site_open WHEN 'yes' THEN TRUE WHEN 'no' THEN FALSE END AS by_fsmt,
        CASE p.camp_status WHEN 'closed' THEN FALSE WHEN 'open' THEN TRUE WHEN 'closing' THEN TRUE END AS by_population,
        by_population IS NOT NULL AND (by_fsmt IS NULL OR p._period >= f._period) AS population_is_later
    FROM reference.site AS m
    LEFT JOIN monitored AS f ON f.site = m.site
    LEFT JOIN counted AS p ON p.site = m.site
),

agency AS (
    SELECT
        site,
        string_agg(organisation, '+' ORDER BY organisation) AS organisation,
        string_agg(organisation_name, ' / ' ORDER BY organisation_name) AS name,
        string_agg(organisation_acronym, ' / ' ORDER BY organisation_name) AS acronym
    FROM curated.service_3w
    WHERE latest AND reported_as = 'management agency'
    GROUP BY site
),

reported AS (
    SELECT
        m.site,
        coalesce(f.governorate, p.governorate) AS as_written,
        coalesce(min(g.adm1_pcode), as_written) AS adm1_pcode,
        coalesce(min(g.name_en), as_written) AS adm1_name
    FROM reference.site AS m
    LEFT JOIN monitored AS f ON f.site = m.site
    LEFT JOIN counted AS p ON p.site = m.site
    LEFT JOIN reference.governorate AS g
        ON lower(trim(coalesce(f.governorate, p.governorate))) IN (lower(g.adm1_pcode), lower(g.name_en), g.name_ar)
    GROUP BY m.site, coalesce(f.governorate, p.governorate)
)

SELECT
    m.site,
    m.name_en AS site_name,
    m.name_ar AS site_name_ar,
    m.site_level,
    m.parent_site,
    f.site_type,
    CASE WHEN o.population_is_later THEN o.by_population ELSE coalesce(o.by_fsmt, m.open_2020_08 = 'yes', FALSE) END
        AS is_open,
    CASE WHEN o.population_is_later THEN 'population' WHEN o.by_fsmt IS NOT NULL THEN 'fsmt' ELSE 'master list' END
        AS open_according_to,
    m.adm1_pcode,
    g.name_en AS adm1_name,
    g.name_ar AS adm1_name_ar,
    m.adm2_pcode,
    d.name_en AS adm2_name,
    d.name_ar AS adm2_name_ar,
    m.adm3_pcode,
    sd.name_en AS adm3_name,
    m.lat,
    m.lon,
    r.adm1_name AS governorate_reported,
    coalesce(r.adm1_pcode <> m.adm1_pcode, FALSE) AS governorate_differs,
    f.closure_planned,
    a.organisation AS management_agency,
    a.name AS management_agency_name,
    a.acronym AS management_agency_acronym,
    n.families,
    n.individuals,
    try_cast(0::HUGEINT + n.girls + n.boys AS BIGINT) AS children,
    n.girls,
    n.boys,
    n.women,
    n.men,
    n.older,
    f.plots_capacity,
    f.water_lpd,
    f.latrines_functional,
    try_cast(f.total_population / nullif(f.latrines_functional, 0) AS DECIMAL(18, 1)) AS persons_per_latrine,
    f._period AS fsmt_period,
    f._source AS fsmt_source,
    f._form_version AS fsmt_version,
    f._id AS fsmt_record,
    n.tool AS figures_tool,
    n._period AS figures_period,
    n._source AS figures_source,
    n._form_version AS figures_version,
    n._id AS figures_record
FROM reference.site AS m
INNER JOIN opened AS o ON o.site = m.site
INNER JOIN reported AS r ON r.site = m.site
LEFT JOIN monitored AS f ON f.site = m.site
LEFT JOIN figures AS n ON n.site = m.site
LEFT JOIN agency AS a ON a.site = m.site
LEFT JOIN reference.governorate AS g ON g.adm1_pcode = m.adm1_pcode
LEFT JOIN reference.district AS d ON d.adm2_pcode = m.adm2_pcode
LEFT JOIN reference.subdistrict AS sd ON sd.adm3_pcode = m.adm3_pcode
