-- The tables that the curated SQL reads, empty, with the columns that it names (and a few more): what earlier rooms build.
CREATE SCHEMA clean;
CREATE SCHEMA harmonized;
CREATE SCHEMA quality;
CREATE SCHEMA reference;
CREATE SCHEMA meta;

CREATE TABLE meta.as_of (as_of DATE);
CREATE TABLE meta.calendar (tool VARCHAR, due_day INTEGER, late_after_day INTEGER);
INSERT INTO meta.calendar VALUES ('population', 2, 5), ('fsmt', NULL, NULL);

CREATE TABLE quality.superseded (
    tool VARCHAR, _source VARCHAR, _asset VARCHAR, _id VARCHAR, _period VARCHAR, unit VARCHAR, kept_id VARCHAR, why VARCHAR
);

CREATE TABLE clean.population (
    _id VARCHAR, _server_id VARCHAR, _source VARCHAR, _asset VARCHAR, _form_version VARCHAR, _submitted_at TIMESTAMP,
    _period VARCHAR, _period_how VARCHAR, _revision INTEGER,
    governorate VARCHAR, district VARCHAR, site VARCHAR, reporting_month DATE, submitted_by_name VARCHAR,
    camp_status VARCHAR, families BIGINT, individuals BIGINT,
    males_0_2 BIGINT, females_0_2 BIGINT, males_3_5 BIGINT, females_3_5 BIGINT, males_6_11 BIGINT, females_6_11 BIGINT,
    males_12_17 BIGINT, females_12_17 BIGINT, males_18_30 BIGINT, females_18_30 BIGINT, males_31_59 BIGINT,
    females_31_59 BIGINT, males_60_over BIGINT, females_60_over BIGINT, change_reason VARCHAR
);
CREATE TABLE harmonized.population AS FROM clean.population;

CREATE TABLE clean.fsmt (
    _id VARCHAR, _server_id VARCHAR, _source VARCHAR, _asset VARCHAR, _form_version VARCHAR, _submitted_at TIMESTAMP,
    _period VARCHAR, _period_how VARCHAR, _revision INTEGER,
    governorate VARCHAR, district VARCHAR, site VARCHAR, report_month DATE, site_type VARCHAR, site_open VARCHAR,
    closure_planned VARCHAR, location_lat DOUBLE, location_lon DOUBLE, management_agency VARCHAR,
    management_agency_other VARCHAR,
    total_families BIGINT, total_population BIGINT,
    males_0_4 BIGINT, females_0_4 BIGINT, males_5_17 BIGINT, females_5_17 BIGINT, males_18_59 BIGINT,
    females_18_59 BIGINT,
    males_0_2 BIGINT, females_0_2 BIGINT, males_3_5 BIGINT, females_3_5 BIGINT, males_6_11 BIGINT, females_6_11 BIGINT,
    males_12_17 BIGINT, females_12_17 BIGINT, males_18_30 BIGINT, females_18_30 BIGINT, males_31_59 BIGINT,
    females_31_59 BIGINT, males_60_over BIGINT, females_60_over BIGINT,
    plots_capacity BIGINT, water_lpd BIGINT, latrines_functional BIGINT, showers_functional BIGINT, comments VARCHAR
);
CREATE TABLE clean.fsmt__service (
    _id VARCHAR, _source VARCHAR, _asset VARCHAR, _index VARCHAR, _parent_index VARCHAR,
    organisation VARCHAR, organisation_other VARCHAR, activity_area VARCHAR[], role VARCHAR,
    contact_name VARCHAR, contact_phone VARCHAR
);

CREATE TABLE reference.governorate (
    adm1_pcode VARCHAR, name_en VARCHAR, name_ar VARCHAR, name_ckb VARCHAR, adm1_pcode_2014 VARCHAR, region VARCHAR,
    lat DOUBLE, lon DOUBLE
);
CREATE TABLE reference.district (
    adm2_pcode VARCHAR, name_en VARCHAR, name_ar VARCHAR, adm1_pcode VARCHAR, lat DOUBLE, lon DOUBLE
);
CREATE TABLE reference.subdistrict (
    adm3_pcode VARCHAR, name_en VARCHAR, name_ar VARCHAR, adm2_pcode VARCHAR, lat DOUBLE, lon DOUBLE
);
CREATE TABLE reference.site (
    site VARCHAR, name_en VARCHAR, name_ar VARCHAR, adm1_pcode VARCHAR, adm2_pcode VARCHAR, adm3_pcode VARCHAR,
    lat DOUBLE, lon DOUBLE, site_level VARCHAR, parent_site VARCHAR, open_2020_08 VARCHAR, families_2020_08 VARCHAR,
    individuals_2020_08 VARCHAR
);
CREATE TABLE reference.organisation (organisation VARCHAR, name VARCHAR, org_type VARCHAR);
CREATE TABLE reference.organisation_alias (alias VARCHAR, organisation VARCHAR);
CREATE TABLE reference.activity_area (
    activity_area VARCHAR, name_en VARCHAR, name_ar VARCHAR, cluster VARCHAR, position VARCHAR
);
