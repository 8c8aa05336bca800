//! What a page of findings is read by: the index that has the fewest findings to look at for a filter.
//!
//! A way is a set of arms, each an equality that one index answers in the order of rank. Where sums are kept they tell how
//! many findings a way has; of rare things a bounded count tells.

use super::arms::{sums, within, words};
use super::filter::{Condition, FindingFilter, What, beginning};
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;
use uuid::Uuid;

/// So many findings may be read and sorted for a page.
pub(super) const FEW: i64 = 10_000;
/// So many resources may be looked up by name or label for a page, and what each has at most in the reckoning.
const FEW_RESOURCES: i64 = 5_000;
const OF_EACH: i64 = 5;

/// What a page is read by.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// The ranking of all.
    Risk,
    /// The rankings of combinations of state, severity, exposure and criticality.
    Ranked,
    Checks(Vec<String>),
    Accounts,
    /// Regions of sources.
    Places,
    Subjects(Vec<String>),
    Assignees(Vec<Uuid>),
    Teams(Vec<Uuid>),
    Stages(Vec<String>),
    Likelihoods(Vec<String>),
    Blasts(Vec<String>),
    /// Resources that a condition means; not in the order of rank.
    Marked(What),
    /// Opened at an instant or later; not in the order of rank.
    OpenedAfter(DateTime<Utc>),
    OpenedBefore(DateTime<Utc>),
    /// Due before an instant; not in the order of rank.
    DueBefore(DateTime<Utc>),
}

/// A way, and about how many findings it has.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) way: Way,
    pub(super) findings: i64,
}

/// By what a filter's list is read and counted.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    /// By which a page in the order of rank looks at the fewest findings.
    pub(super) best: Way,
    /// The one with the fewest findings.
    pub(super) least: Measured,
}

/// Lines of a page, for the reckoning.
const PAGE: i64 = 50;

impl Ways {
    /// Measures the ways that a filter offers.
    pub(super) async fn of(tx: &mut TenantTx, filter: &FindingFilter) -> Result<Self, StoreError> {
        // A risk goes with these three, so that in the ranking of all what they leave may stand at the very end.
        let is_ranked =
            !(filter.severities.is_empty() && filter.exposures.is_empty() && filter.criticalities.is_empty());
        let base = if is_ranked { Way::Ranked } else { Way::Risk };
        let others = Way::of(filter);
        if others.is_empty() {
            return Ok(Self { best: base.clone(), least: Measured { way: base, findings: i64::MAX } });
        }
        let mut ways = vec![Measured { findings: ranked(tx, filter).await?, way: base }];
        for way in others {
            if let Some(findings) = way.findings(tx, filter).await? {
                ways.push(Measured { way, findings });
            }
        }
        let fewest = ways.iter().map(|measured| measured.findings).min().unwrap_or(0);
        let looks = |measured: &Measured| measured.looks_at(filter, fewest);
        let best = ways.iter().min_by_key(|measured| looks(measured)).map_or(Way::Risk, |best| best.way.clone());
        let least = ways.into_iter().min_by_key(|measured| measured.findings);
        Ok(Self { best, least: least.unwrap_or(Measured { way: Way::Risk, findings: i64::MAX }) })
    }
}

impl Measured {
    /// About how many findings a page of the way looks at, where the filter leaves no more than `fewest`.
    fn looks_at(&self, filter: &FindingFilter, fewest: i64) -> i64 {
        if !self.way.is_ranked() {
            return self.findings;
        }
        let of_page = PAGE.saturating_mul(self.way.count_of_arms(filter));
        let among = of_page.saturating_mul(self.findings / fewest.max(1)).min(self.findings.max(of_page));
        if !matches!(self.way, Way::Risk | Way::Ranked) {
            return among;
        }
        // What is marked alike often weighs alike too, and then stands together somewhere in the ranking.
        let marked = |condition: &Condition| matches!(condition.what, What::Labelled(_) | What::Resources(_));
        let among = if filter.more.iter().any(marked) { among.saturating_mul(10) } else { among };
        // So do the findings of a check, which has one severity.
        let apart = matches!(self.way, Way::Risk) && filter.checks.is_some();
        if apart { among.max(self.findings / 50) } else { among }
    }
}

impl Way {
    /// About how many arms it has.
    fn count_of_arms(&self, filter: &FindingFilter) -> i64 {
        let of = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let or = |count: usize, all: i64| if count == 0 { all } else { of(count) };
        let states = or(filter.states.len(), 3);
        let values = match self {
            Self::Ranked => {
                or(filter.severities.len(), 4) * or(filter.exposures.len(), 3) * or(filter.criticalities.len(), 3)
            }
            Self::Checks(values) => of(values.len()),
            Self::Accounts => of(filter.accounts.len()),
            Self::Places => or(filter.sources.len(), 4) * or(filter.regions.len(), 4),
            Self::Subjects(values) | Self::Stages(values) | Self::Likelihoods(values) | Self::Blasts(values) => {
                of(values.len())
            }
            Self::Assignees(values) | Self::Teams(values) => of(values.len()),
            _ => 1,
        };
        states.saturating_mul(values)
    }

    /// The ways that a filter offers beside the ranking of all.
    fn of(filter: &FindingFilter) -> Vec<Self> {
        let mut ways = Vec::new();
        // With a severity, the checks that have it: no others can have a finding of it.
        let checks = filter.checks.as_ref().and(filter.counted_checks.as_ref().or(filter.checks.as_ref()));
        ways.extend(checks.cloned().map(Self::Checks));
        if !filter.accounts.is_empty() {
            ways.push(Self::Accounts);
        }
        if !filter.sources.is_empty() || !filter.regions.is_empty() {
            ways.push(Self::Places);
        }
        let positive = filter.more.iter().filter(|condition| !condition.not);
        ways.extend(positive.filter_map(|Condition { what, .. }| Self::of_condition(what)));
        ways
    }

    fn of_condition(what: &What) -> Option<Self> {
        let indexed = |values: &[String], words: &[&str]| values.iter().all(|value| words.contains(&value.as_str()));
        match what {
            What::Subjects(values) => Some(Self::Subjects(values.clone())),
            What::Assignees(values) => Some(Self::Assignees(values.clone())),
            What::Teams(values) => Some(Self::Teams(values.clone())),
            What::Stages(values)
                if indexed(values, &["reopened", "in_progress", "awaiting_proof", "false_positive"]) =>
            {
                Some(Self::Stages(values.clone()))
            }
            What::Likelihoods(values) if indexed(values, &["exploited", "likely", "unlikely"]) => {
                Some(Self::Likelihoods(values.clone()))
            }
            What::Blasts(values) if !values.iter().any(|value| value == "none") => Some(Self::Blasts(values.clone())),
            // A pattern that begins with any letter is no way to any resource.
            What::Resources(texts) if texts.iter().any(|text| beginning(text).is_empty()) => None,
            What::Labelled(_) | What::Resources(_) | What::Of(_) => Some(Self::Marked(what.clone())),
            What::OpenedAfter(at) => Some(Self::OpenedAfter(*at)),
            What::OpenedBefore(at) => Some(Self::OpenedBefore(*at)),
            What::DueBefore(at) => Some(Self::DueBefore(*at)),
            _ => None,
        }
    }

    /// Whether its arms are read in the order of rank.
    pub(super) fn is_ranked(&self) -> bool {
        !matches!(self, Self::Marked(_) | Self::OpenedAfter(_) | Self::OpenedBefore(_) | Self::DueBefore(_))
    }

    /// About how many findings it has; none where there are too many to be read by it.
    async fn findings(&self, tx: &mut TenantTx, filter: &FindingFilter) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Ranked | Self::Risk => Ok(Some(ranked(tx, filter).await?)),
            Self::Checks(checks) => Ok(Some(summed(tx, filter, ("", None), ("check", Some(checks.clone()))).await?)),
            Self::Accounts => {
                Ok(Some(summed(tx, filter, ("", None), ("account", Some(filter.accounts.clone()))).await?))
            }
            Self::Places => {
                let sources = (!filter.sources.is_empty())
                    .then(|| filter.sources.iter().map(ToString::to_string).collect::<Vec<_>>());
                let regions = (!filter.regions.is_empty()).then(|| filter.regions.clone());
                let findings = match (sources, regions) {
                    (Some(sources), None) => summed(tx, filter, ("", None), ("source", Some(sources))).await?,
                    (None, regions) => summed(tx, filter, ("", None), ("region", regions)).await?,
                    (sources, regions) => summed(tx, filter, ("source", sources), ("region", regions)).await?,
                };
                Ok(Some(findings))
            }
            Self::Marked(what) => {
                let mut sql = QueryBuilder::new("select count(*) from (");
                what.resources(&mut sql);
                sql.push(" limit ").push_bind(FEW_RESOURCES + 1).push(") marked");
                let (resources,): (i64,) = sql.build_query_as().persistent(false).fetch_one(tx.conn()).await?;
                Ok((resources <= FEW_RESOURCES).then_some(resources * OF_EACH))
            }
            _ => self.counted(tx, filter).await,
        }
    }

    async fn counted(&self, tx: &mut TenantTx, filter: &FindingFilter) -> Result<Option<i64>, StoreError> {
        let mut sql = QueryBuilder::new("select count(*) from (select x.one from (");
        self.arms(filter, &mut sql);
        sql.push(") e cross join lateral (select 1 as one from findings f where f.tenant_id = current_tenant()");
        self.equality(&mut sql);
        sql.push(" limit ").push_bind(FEW + 1).push(") x limit ").push_bind(FEW + 1).push(") counted");
        let (findings,): (i64,) = sql.build_query_as().persistent(false).fetch_one(tx.conn()).await?;
        let many = findings > FEW;
        Ok(match (many, self.is_ranked()) {
            (false, _) => Some(findings),
            // At least so many; it is read in order all the same.
            (true, true) => Some(FEW * 25),
            (true, false) => None,
        })
    }
}

/// About how many findings the ranking of all has for a filter.
async fn ranked(tx: &mut TenantTx, filter: &FindingFilter) -> Result<i64, StoreError> {
    let exposures = words(&filter.exposures, |exposure| exposure.as_str());
    let criticalities = words(&filter.criticalities, |criticality| criticality.as_str());
    let findings = summed(tx, filter, ("exposure", exposures), ("criticality", criticalities)).await?;
    let severities = if filter.severities.is_empty() { 4 } else { i64::try_from(filter.severities.len()).unwrap_or(4) };
    Ok(findings * severities / 4)
}

/// The sum kept beside values of one facet for values of another; none for all values.
pub(super) async fn summed(
    tx: &mut TenantTx,
    filter: &FindingFilter,
    by: (&'static str, Option<Vec<String>>),
    of: (&'static str, Option<Vec<String>>),
) -> Result<i64, StoreError> {
    let mut sql = QueryBuilder::new("select coalesce(sum(findings), 0)::bigint");
    sums(&mut sql, &filter.state_words(), by.0, of.0);
    within(&mut sql, "by_value", by.1);
    within(&mut sql, "value", of.1);
    let (findings,): (i64,) = sql.build_query_as().persistent(false).fetch_one(tx.conn()).await?;
    Ok(findings)
}
