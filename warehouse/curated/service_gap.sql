-- Open sites and activity areas in which the site's latest monitoring report names no provider.
--
-- An organisation that only pays (role donor) provides nothing by itself, so a donor alone leaves the gap open. A site
-- that is closed has no gaps, and one that has never reported has none that we know of: it is not in this table.
--
-- key: site, activity_area
-- public: site, site_name, site_name_ar, adm1_pcode, adm1_name, adm2_pcode, adm2_name, individuals, period,
--   activity_area, activity_area_name, cluster, position
-- column site: site id of the master list
-- column site_name: name in English
-- column site_name_ar: name in Arabic
-- column adm1_pcode: P-code of the governorate (2019), by the master list
-- column adm1_name: governorate by the master list
-- column adm2_pcode: P-code of the district (2019), by the master list
-- column adm2_name: district by the master list
-- column individuals: people living in the site, latest figure
-- column period: month of the monitoring report
-- column activity_area: code of the activity area that nobody provides
-- column activity_area_name: activity area in English
-- column cluster: cluster that the activity area belongs to
-- column position: place of the activity area in our order

SELECT
    s.site,
    s.site_name,
    s.site_name_ar,
    s.adm1_pcode,
    s.adm1_name,
    s.adm2_pcode,
    s.adm2_name,
    s.individuals,
    s.fsmt_period AS period,
    t.activity_area,
    t.name_en AS activity_area_name,
    t.cluster,
    try_cast(t.position AS INTEGER) AS position
FROM curated.site AS s
CROSS JOIN reference.activity_area AS t
ANTI JOIN (
    SELECT w.site, w.activity_area FROM curated.service_3w AS w WHERE w.latest AND w.role IS DISTINCT FROM 'donor'
) AS provided ON provided.site = s.site AND provided.activity_area = t.activity_area
WHERE s.is_open AND s.fsmt_period IS NOT NULL
