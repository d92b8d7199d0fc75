-- The people of each camp, month by month: what was reported, what came late, what is missing.
--
-- One row for each month that is due by as_of and each camp that was expected to report it. The figures of a month are
-- due on the due day of the month after, and late when first received after its late day (UTC; both days from the
-- calendar of the population tool). A camp is expected in every month if the master list has it open, otherwise from
-- its first report on; after it has reported itself closed, only in months that it reports. Months begin with the first
-- report, at most ten years before as_of. A camp that has not reported is a row without figures: the last reported
-- number stands in individuals_estimated, marked estimated, and nowhere else. The change is against the report of the
-- month before; where that is missing, there is no change to tell.
--
-- key: period, site
-- public: period, site, site_name, site_name_ar, adm1_pcode, adm1_name, adm2_pcode, adm2_name, status, due_on,
--   families, individuals, individuals_estimated, estimated, estimated_from, change_families, change_individuals,
--   change_percent
-- partners: received_on, camp_status, women, men, girls, boys,
--   females_0_2, females_3_5, females_6_11, females_12_17, females_18_30, females_31_59, females_60_over,
--   males_0_2, males_3_5, males_6_11, males_12_17, males_18_30, males_31_59, males_60_over,
--   source, form_version, record
-- column period: month that the figures are about
-- column site: site id as in the master list
-- column site_name: name in English; the id where the master list does not know the site
-- column site_name_ar: name in Arabic
-- column adm1_pcode: P-code of the governorate (2019), by the master list
-- column adm1_name: governorate by the master list
-- column adm2_pcode: P-code of the district (2019), by the master list
-- column adm2_name: district by the master list
-- column status: reported, late or missing
-- column due_on: day by which the figures were due
-- column received_on: day on which the first report for this camp and month was received (UTC)
-- column camp_status: open, closing or closed, as reported
-- column families: families reported
-- column individuals: people reported
-- column women: women of 18 and older
-- column men: men of 18 and older
-- column girls: girls under 18
-- column boys: boys under 18
-- column individuals_estimated: people reported, or where missing the last reported number carried forward
-- column estimated: true where individuals_estimated is carried forward
-- column estimated_from: month whose report is carried forward
-- column change_families: families against the report of the month before
-- column change_individuals: people against the report of the month before
-- column change_percent: change_individuals in per cent of the month before
-- column source: source of the report
-- column form_version: form version of the report
-- column record: _id of the report

WITH calendar AS (
    SELECT
        a.as_of,
        coalesce(max(c.due_day), 1) AS due_day,
        coalesce(max(c.late_after_day), max(c.due_day), 1) AS late_after_day,
        date_trunc('month', a.as_of) - INTERVAL 120 MONTH AS earliest,
        date_trunc('month', a.as_of - CAST(coalesce(max(c.due_day), 1) - 1 AS INTEGER)) - INTERVAL 1 MONTH AS latest
    FROM meta.as_of AS a
    LEFT JOIN meta.calendar AS c ON c.tool = 'population'
    GROUP BY a.as_of
),

-- A report that was sent again is judged by its first sending.
first_sending AS (
    SELECT s.kept_id, s._period, min(h._submitted_at) AS received_at
    FROM quality.superseded AS s
    INNER JOIN harmonized.population AS h
        ON h._source = s._source AND h._asset = s._asset AND h._id = s._id
    WHERE s.tool = 'population'
    GROUP BY s.kept_id, s._period
),

-- 0::HUGEINT: a sum of absurd numbers shall be blank, not the end of the build.
report AS (
    SELECT
        p._source, p._form_version, p._id, p._period, p.site, p.camp_status, p.families, p.individuals,
        p.females_0_2, p.females_3_5, p.females_6_11, p.females_12_17, p.females_18_30, p.females_31_59,
        p.females_60_over, p.males_0_2, p.males_3_5, p.males_6_11, p.males_12_17, p.males_18_30, p.males_31_59,
        p.males_60_over,
        try_cast(p._period || '-01' AS DATE) AS month,
        CAST(least(p._submitted_at, f.received_at) AS DATE) AS received_on,
        try_cast(0::HUGEINT + p.females_18_30 + p.females_31_59 + p.females_60_over AS BIGINT) AS women,
        try_cast(0::HUGEINT + p.males_18_30 + p.males_31_59 + p.males_60_over AS BIGINT) AS men,
        try_cast(0::HUGEINT + p.females_0_2 + p.females_3_5 + p.females_6_11 + p.females_12_17 AS BIGINT) AS girls,
        try_cast(0::HUGEINT + p.males_0_2 + p.males_3_5 + p.males_6_11 + p.males_12_17 AS BIGINT) AS boys
    FROM clean.population AS p
    CROSS JOIN calendar AS c
    LEFT JOIN first_sending AS f ON f.kept_id = p._id AND f._period = p._period
    WHERE p.site IS NOT NULL AND try_cast(p._period || '-01' AS DATE) BETWEEN c.earliest AND c.latest
),

month AS (
    SELECT CAST(unnest(generate_series(min(r.month), max(c.latest), INTERVAL 1 MONTH)) AS DATE) AS month
    FROM report AS r
    CROSS JOIN calendar AS c
),

camp AS (
    SELECT
        coalesce(m.site, r.site) AS site,
        coalesce(max(m.open_2020_08) = 'yes', FALSE) AS open_in_master_list,
        min(r.month) AS first_report
    FROM reference.site AS m
    FULL JOIN report AS r ON r.site = m.site
    GROUP BY coalesce(m.site, r.site)
),

every_camp_and_month AS (
    SELECT
        camp.site,
        month.month,
        camp.open_in_master_list OR month.month >= camp.first_report AS expected,
        r._id IS NOT NULL AS has_report,
        r.* EXCLUDE (site, month),
        lag(r.families) OVER past AS families_before,
        lag(r.individuals) OVER past AS individuals_before,
        last_value(r.individuals IGNORE NULLS) OVER past AS last_individuals,
        last_value(CASE WHEN r.individuals IS NOT NULL THEN r._period END IGNORE NULLS) OVER past AS last_period,
        last_value(CASE WHEN r._id IS NOT NULL THEN coalesce(r.camp_status, 'open') END IGNORE NULLS)
            OVER past AS last_status
    FROM camp
    CROSS JOIN month
    LEFT JOIN report AS r ON r.site = camp.site AND r.month = month.month
    WINDOW past AS (PARTITION BY camp.site ORDER BY month.month ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)

SELECT
    strftime(e.month, '%Y-%m') AS period,
    e.site,
    coalesce(m.name_en, e.site) AS site_name,
    m.name_ar AS site_name_ar,
    m.adm1_pcode,
    g.name_en AS adm1_name,
    m.adm2_pcode,
    d.name_en AS adm2_name,
    CASE
        WHEN NOT e.has_report THEN 'missing'
        WHEN e.received_on > e.month + INTERVAL 1 MONTH + to_days(CAST(c.late_after_day - 1 AS INTEGER)) THEN 'late'
        ELSE 'reported'
    END AS status,
    CAST(e.month + INTERVAL 1 MONTH + to_days(CAST(c.due_day - 1 AS INTEGER)) AS DATE) AS due_on,
    e.received_on,
    e.camp_status,
    e.families,
    e.individuals,
    e.women,
    e.men,
    e.girls,
    e.boys,
    e.females_0_2,
    e.females_3_5,
    e.females_6_11,
    e.females_12_17,
    e.females_18_30,
    e.females_31_59,
    e.females_60_over,
    e.males_0_2,
    e.males_3_5,
    e.males_6_11,
    e.males_12_17,
    e.males_18_30,
    e.males_31_59,
    e.males_60_over,
    e.last_individuals AS individuals_estimated,
    e.individuals IS NULL AND e.last_individuals IS NOT NULL AS estimated,
    CASE WHEN e.individuals IS NULL THEN e.last_period END AS estimated_from,
    try_cast(0::HUGEINT + e.families - e.families_before AS BIGINT) AS change_families,
    try_cast(0::HUGEINT + e.individuals - e.individuals_before AS BIGINT) AS change_individuals,
    try_cast(
        100 * (0::HUGEINT + e.individuals - e.individuals_before) / nullif(e.individuals_before, 0) AS DECIMAL(18, 1)
    ) AS change_percent,
    e._source AS source,
    e._form_version AS form_version,
    e._id AS record
FROM every_camp_and_month AS e
CROSS JOIN calendar AS c
LEFT JOIN reference.site AS m ON m.site = e.site
LEFT JOIN reference.governorate AS g ON g.adm1_pcode = m.adm1_pcode
LEFT JOIN reference.district AS d ON d.adm2_pcode = m.adm2_pcode
WHERE e.has_report OR (e.expected AND e.last_status IS DISTINCT FROM 'closed')
