-- The population of all camps, month by month, with how many camps it rests on.
--
-- families and individuals are sums of what was reported for the month. Fewer reports make them smaller without anybody
-- having left, so the change is the sum of the changes of those camps that reported this month and the month before
-- (camps_compared of them).
--
-- key: period
-- public: period, camps_expected, camps_reporting, camps_late, camps_missing, families, individuals,
--   individuals_estimated, camps_estimated, change_individuals, change_percent, camps_compared
-- partners: women, men, girls, boys, camps_with_ages
-- column period: month that the figures are about
-- column camps_expected: camps that were expected to report
-- column camps_reporting: camps that reported, in time or late
-- column camps_late: camps among them that reported late
-- column camps_missing: camps that have not reported
-- column families: families in the camps that reported
-- column individuals: people in the camps that reported
-- column women: women of 18 and older in the camps_with_ages
-- column men: men of 18 and older in the camps_with_ages
-- column girls: girls under 18 in the camps_with_ages
-- column boys: boys under 18 in the camps_with_ages
-- column camps_with_ages: camps that reported with every age band filled in
-- column individuals_estimated: people reported, plus the last reported number of the camps that are missing
-- column camps_estimated: camps whose last reported number is carried forward in it
-- column change_individuals: sum of the changes of the camps that reported both months
-- column change_percent: change_individuals in per cent of what these camps reported the month before
-- column camps_compared: camps that reported both months

WITH camp AS (
    SELECT
        *,
        women IS NOT NULL AND men IS NOT NULL AND girls IS NOT NULL AND boys IS NOT NULL AS has_ages
    FROM curated.camp_population
),

total AS (
    SELECT
        period,
        count(*) AS camps_expected,
        count(*) FILTER (WHERE status <> 'missing') AS camps_reporting,
        count(*) FILTER (WHERE status = 'late') AS camps_late,
        count(*) FILTER (WHERE status = 'missing') AS camps_missing,
        sum(families) AS families,
        sum(individuals) AS individuals,
        sum(women) FILTER (WHERE has_ages) AS women,
        sum(men) FILTER (WHERE has_ages) AS men,
        sum(girls) FILTER (WHERE has_ages) AS girls,
        sum(boys) FILTER (WHERE has_ages) AS boys,
        count(*) FILTER (WHERE has_ages) AS camps_with_ages,
        sum(individuals_estimated) AS individuals_estimated,
        count(*) FILTER (WHERE estimated) AS camps_estimated,
        sum(change_individuals) AS change_individuals,
        sum(0::HUGEINT + individuals - change_individuals) AS compared_with,
        count(change_individuals) AS camps_compared
    FROM camp
    GROUP BY period
)

SELECT
    period,
    camps_expected,
    camps_reporting,
    camps_late,
    camps_missing,
    try_cast(families AS BIGINT) AS families,
    try_cast(individuals AS BIGINT) AS individuals,
    try_cast(women AS BIGINT) AS women,
    try_cast(men AS BIGINT) AS men,
    try_cast(girls AS BIGINT) AS girls,
    try_cast(boys AS BIGINT) AS boys,
    camps_with_ages,
    try_cast(individuals_estimated AS BIGINT) AS individuals_estimated,
    camps_estimated,
    try_cast(change_individuals AS BIGINT) AS change_individuals,
    try_cast(100 * change_individuals / nullif(compared_with, 0) AS DECIMAL(18, 1)) AS change_percent,
    camps_compared
FROM total
