//! What a page of findings is read by: the index that has the fewest findings to look at for a filter.
//!
//! A way is a set of arms, each an equality that one index answers in the order of rank. Where sums are kept they tell how
//! many findings a way has; of rare things a bounded count tells.

use super::arms::{sums, within, words};
use super::filter::{Condition, FindingFilter, What};
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;
use uuid::Uuid;

/// So many findings may be read and sorted for a page.
pub(super) const FEW: i64 = 10_000;
/// So many resources may be looked up by name or label for a page, and what each has at most in the reckoning.
const FEW_RESOURCES: i64 = 10_000;
const OF_EACH: i64 = 5;
/// Fixes that cut attack paths, about: no more are kept than some thousand.
const CUTS: i64 = 1_000;
/// So many resources are held in memory rather than asked for finding by finding.
const HELD: i64 = 40_000;

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
    /// Neither a member's nor a team's.
    Nobody,
    /// Fixes that cut attack paths.
    Cuts,
    /// Resources that a condition means; not in the order of rank.
    Marked(What),
    /// Opened at an instant or later; not in the order of rank.
    OpenedAfter(DateTime<Utc>),
    OpenedBefore(DateTime<Utc>),
    /// Due before an instant; not in the order of rank.
    DueBefore(DateTime<Utc>),
    DueAfter(DateTime<Utc>),
    NoDue,
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
    /// The filter as its conditions are asked of findings.
    pub(super) filter: FindingFilter,
    /// By which a page in the order of rank looks at the fewest findings.
    pub(super) best: Way,
    /// How many of the ranking are looked at first, since the first page of what resources have is mostly among them; and
    /// the way to it where it is not.
    pub(super) top: Option<(i64, Way)>,
    /// The one with the fewest findings.
    pub(super) least: Measured,
}

/// So many findings of the ranking are looked at, hoping that they fill a page.
const MOST_TRIED: i64 = 10_000;
/// Lines of a page, for the reckoning.
const PAGE: i64 = 50;

impl Ways {
    /// Measures the ways that a filter offers.
    pub(super) async fn of(tx: &mut TenantTx, filter: &FindingFilter) -> Result<Self, StoreError> {
        let is_ranked = filter.is_ranked();
        let base = if is_ranked { Way::Ranked } else { Way::Risk };
        let mut ways = Vec::new();
        for way in Way::of(filter) {
            if let Some(findings) = way.findings(tx, filter).await? {
                ways.push(Measured { way, findings });
            }
        }
        let (mut filter, mut marked) = (filter.clone(), None::<Measured>);
        for condition in
            filter.more.iter_mut().filter(|condition| !condition.not && condition.what.looks_up_resources())
        {
            let resources = condition.what.count_of_resources(tx, HELD + 1).await?;
            let way = Way::Marked(condition.what.clone());
            let found = Measured { way, findings: resources.saturating_mul(OF_EACH) };
            if resources <= HELD {
                condition.what = What::Held(Box::new(condition.what.clone()));
            }
            if resources <= FEW_RESOURCES {
                ways.push(found.clone());
            }
            marked = marked.into_iter().chain([found]).min_by_key(|measured| measured.findings);
        }
        let mut least = Measured { way: base.clone(), findings: i64::MAX };
        if ways.is_empty() && marked.is_none() {
            return Ok(Self { filter, best: base, top: None, least });
        }
        least.findings = ranked(tx, &filter).await?;
        ways.push(least.clone());
        let fewest = ways.iter().chain(&marked).map(|measured| measured.findings).min().unwrap_or(0);
        let best = ways.iter().min_by_key(|measured| measured.looks_at(&filter, fewest));
        let best = best.map_or(base, |best| best.way.clone());
        let mut top = None;
        if let Some(marked) = marked.filter(|marked| marked.findings <= HELD.saturating_mul(OF_EACH))
            && matches!(best, Way::Risk | Way::Marked(_))
            && !is_ranked
        {
            let among = PAGE.saturating_mul(least.findings / marked.findings.max(1));
            let is_tried = marked.findings > FEW && among <= MOST_TRIED;
            top = is_tried.then(|| (among.saturating_mul(4).max(2_000), marked.way));
        }
        let least = ways.into_iter().min_by_key(|measured| measured.findings).unwrap_or(least);
        Ok(Self { filter, best, top, least })
    }
}

impl Measured {
    /// About how many findings a page of the way looks at, where the filter leaves no more than `fewest`.
    fn looks_at(&self, filter: &FindingFilter, fewest: i64) -> i64 {
        // Those of resources are ranked in the index, at a tenth of what it takes to look at one.
        if matches!(self.way, Way::Marked(_)) {
            return self.findings / 10;
        }
        if !self.way.is_ranked() {
            return self.findings;
        }
        // Of many arms the heads are read first, and then pages of as many as a page has lines.
        let arms = self.way.count_of_arms(filter);
        let of_page = PAGE.saturating_mul(arms.min(PAGE)).saturating_add(arms);
        let among = of_page.saturating_mul(self.findings / fewest.max(1)).min(self.findings.max(of_page));
        if !matches!(self.way, Way::Risk | Way::Ranked) {
            // What a severity leaves of an arm that does not lead with it may stand at the arm's end. A check has one.
            let at_end = filter.is_ranked() && !matches!(self.way, Way::Checks(_));
            return if at_end { among.max(self.findings / 4) } else { among };
        }
        // What is marked alike often weighs alike too, and then stands together somewhere in the ranking.
        let marked = |condition: &Condition| condition.what.is_of_resources();
        let among = if filter.more.iter().any(marked) { among.saturating_mul(10) } else { among };
        // So do the findings of a check, which has one severity.
        let apart = matches!(self.way, Way::Risk) && filter.checks.is_some();
        if apart { among.max(self.findings / 50) } else { among }
    }
}

impl Way {
    /// About how many arms it has.
    pub(super) fn count_of_arms(&self, filter: &FindingFilter) -> i64 {
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
            Self::Cuts => CUTS,
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
        let is_open = filter.state_words() == ["open"];
        ways.extend(positive.filter_map(|Condition { what, .. }| Self::of_condition(what, is_open)));
        ways
    }

    fn of_condition(what: &What, is_open: bool) -> Option<Self> {
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
            What::OpenedAfter(at) => Some(Self::OpenedAfter(*at)),
            What::OpenedBefore(at) => Some(Self::OpenedBefore(*at)),
            What::DueBefore(at) => Some(Self::DueBefore(*at)),
            What::DueAfter(at) => Some(Self::DueAfter(*at)),
            What::NoDue if is_open => Some(Self::NoDue),
            What::Unassigned => Some(Self::Nobody),
            What::OnPath => Some(Self::Cuts),
            _ => None,
        }
    }

    /// Whether its arms are read in the order of rank.
    pub(super) fn is_ranked(&self) -> bool {
        let by_time = matches!(
            self,
            Self::OpenedAfter(_) | Self::OpenedBefore(_) | Self::DueBefore(_) | Self::DueAfter(_) | Self::NoDue
        );
        !by_time && !matches!(self, Self::Marked(_))
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
            _ => self.counted(tx, filter).await,
        }
    }

    async fn counted(&self, tx: &mut TenantTx, filter: &FindingFilter) -> Result<Option<i64>, StoreError> {
        let mut sql = QueryBuilder::new("select count(*) from (select x.one from (");
        self.arms(filter, &mut sql);
        sql.push(") e cross join lateral (select 1 as one from findings f where f.tenant_id = current_tenant()");
        self.equality(&mut sql);
        sql.push(" limit ").push_bind(FEW + 1).push(") x limit ").push_bind(FEW + 1).push(") counted");
        let (findings,): (i64,) = sql.build_query_as().fetch_one(tx.conn()).await?;
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
    let (findings,): (i64,) = sql.build_query_as().fetch_one(tx.conn()).await?;
    Ok(findings)
}
