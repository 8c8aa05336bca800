//! One control: what stands behind it, and what people state of it.

use super::{ControlState, Standing, control_href, framework, title};
use crate::call::{Attest, Call, ReadPosture};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::resource::permissions;
use crate::route::Route;
use crate::{fixes, text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::role::Permission;
use plumbline_core::verdict::Verdict;
use plumbline_policy::{Catalogue, Control, Framework};
use plumbline_store::attestation::{Attestation, Statement};
use plumbline_store::compliance::Judged;
use plumbline_store::posture::CheckState;
use plumbline_store::{PageRequest, attestation, compliance};
use serde::Deserialize;
use serde_json::json;

const PAGE: i64 = 50;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/compliance/{framework}/{control}", show),
        Route::post("/compliance/{framework}/{control}/attest", attest),
        Route::post("/compliance/{framework}/{control}/withdraw", withdraw),
    ]
}

/// What is stated, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
struct StatementForm {
    #[serde(default)]
    holds: String,
    #[serde(default)]
    statement: String,
    #[serde(default)]
    months: String,
}

/// What the form lacks; each sentence stands beside its field.
#[derive(Debug, Clone, Default)]
struct StatementErrors {
    holds: Option<&'static str>,
    statement: Option<&'static str>,
    months: Option<&'static str>,
}

impl StatementForm {
    fn read(&self, now: DateTime<Utc>) -> Result<(bool, &str, DateTime<Utc>), StatementErrors> {
        let holds = match self.holds.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let statement = self.statement.trim();
        let months = self.months.parse::<i64>().ok().filter(|months| (1..=24).contains(months));
        let errors = StatementErrors {
            holds: holds.is_none().then_some("Say whether it holds."),
            statement: (!(10..=4000).contains(&statement.chars().count()))
                .then_some("Say in 10 to 4,000 characters what you rely on."),
            months: months.is_none().then_some("Choose for how long it counts."),
        };
        match (holds, months) {
            (Some(holds), Some(months)) if errors.statement.is_none() => {
                Ok((holds, statement, now + TimeDelta::days(months * 365 / 12)))
            }
            _ => Err(errors),
        }
    }
}

struct CheckLine {
    title: String,
    severity: &'static str,
    passed: String,
    failed: String,
    unknown: String,
    not_applicable: String,
    blind: Option<String>,
    findings_href: Option<String>,
}

impl CheckLine {
    fn of(id: &str, catalogue: &Catalogue, state: Option<&CheckState>) -> Self {
        let state = state.cloned().unwrap_or_default();
        Self {
            title: words::check(catalogue, id).to_owned(),
            severity: catalogue.check(id).map_or("", |check| check.severity.as_str()),
            passed: text::number(state.passed),
            failed: text::number(state.failed),
            unknown: text::number(state.unknown),
            not_applicable: text::number(state.not_applicable),
            blind: (state.blind_scopes > 0).then(|| text::plural(state.blind_scopes, "scope")),
            findings_href: (state.failed > 0).then(|| format!("/findings?{}", fixes::pair("check", id))),
        }
    }
}

struct JudgedLine {
    id: String,
    name: String,
    kind: String,
    account: String,
    region: String,
    check: String,
    message: String,
    permissions: Vec<String>,
    since: String,
}

impl JudgedLine {
    fn of(row: &Judged, catalogue: &Catalogue) -> Self {
        Self {
            id: row.resource_id.to_string(),
            name: row.name.clone(),
            kind: words::kind(&row.kind).to_owned(),
            account: row.account.clone(),
            region: row.region.clone(),
            check: words::check(catalogue, &row.check_id).to_owned(),
            message: row.message.clone(),
            permissions: row.missing.as_ref().map(permissions).unwrap_or_default(),
            since: text::day(row.since),
        }
    }
}

struct Stated {
    holds: bool,
    statement: String,
    person: String,
    at: String,
    until: String,
    standing: &'static str,
    in_force: bool,
}

impl Stated {
    fn of(row: &Attestation, now: DateTime<Utc>, newest: bool) -> Self {
        let standing = match row.withdrawn_at {
            Some(_) => "withdrawn",
            None if !newest => "replaced",
            None if row.expires_at <= now => "out of date",
            None => "in force",
        };
        Self {
            holds: row.holds,
            statement: row.statement.clone(),
            person: row.person.clone().unwrap_or_else(|| "A former member".to_owned()),
            at: text::when(row.attested_at),
            until: text::day(row.expires_at),
            standing,
            in_force: standing == "in force",
        }
    }
}

/// One list of resources, of a verdict.
struct Tab {
    title: String,
    href: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "compliance/control.html")]
struct Page {
    frame: Frame,
    framework_id: String,
    framework: String,
    id: String,
    title: String,
    section: String,
    level: String,
    assessment: String,
    state: ControlState,
    href: String,
    manual: bool,
    checks: Vec<CheckLine>,
    tabs: Vec<Tab>,
    judged: Vec<JudgedLine>,
    next: Option<String>,
    first: bool,
    stated: Vec<Stated>,
    in_force: bool,
    may_attest: bool,
    form: StatementForm,
    errors: StatementErrors,
}

async fn show(mut call: Call<ReadPosture>, path: web::Path<(String, String)>) -> Result<HttpResponse, WebError> {
    let form = StatementForm { months: "12".to_owned(), ..StatementForm::default() };
    let page = read(&mut call, &path, form, StatementErrors::default()).await?;
    call.page(&page)
}

/// Which verdict's resources are looked at, and where the page begins.
fn looked_at(here: &str) -> (Verdict, Option<String>) {
    let mut looked_at = (Verdict::Fail, None);
    for (key, value) in words::query(here) {
        match key.as_ref() {
            "verdict" => looked_at.0 = Verdict::parse(&value).unwrap_or(Verdict::Fail),
            "after" => looked_at.1 = Some(value),
            _ => {}
        }
    }
    looked_at
}

async fn read<P>(
    call: &mut Call<P>,
    (framework_id, control_id): &(String, String),
    form: StatementForm,
    errors: StatementErrors,
) -> Result<Page, WebError> {
    let (framework, control) = find(call.catalogue(), framework_id, control_id)?;
    let catalogue = call.catalogue();
    let standing = Standing::read(&mut call.tx, framework, call.now).await?;
    let at = framework.controls.iter().position(|c| c.id == control.id).unwrap_or(0);
    let (verdict, after) = looked_at(&call.visit().here);
    let first = after.is_none();
    let judged = compliance::judged(&mut call.tx, &control.checks, verdict, &PageRequest { after, size: PAGE }).await?;
    let stated = attestation::history(&mut call.tx, &framework.id, &control.id).await?;
    let href = control_href(&framework.id, &control.id);
    let stated: Vec<Stated> = stated.iter().enumerate().map(|(at, row)| Stated::of(row, call.now, at == 0)).collect();
    Ok(Page {
        frame: call.frame(Nav::Compliance),
        framework_id: framework.id.clone(),
        framework: format!("{} {}", framework.title, framework.version),
        id: control.id.clone(),
        title: title(control),
        section: control.section.clone(),
        level: control.level.clone(),
        assessment: control.assessment.clone(),
        state: standing.states[at],
        manual: control.is_attested(),
        checks: control.checks.iter().map(|id| CheckLine::of(id, catalogue, standing.checks.get(id))).collect(),
        tabs: tabs(control, &standing, verdict, &href),
        next: judged.next.map(|after| {
            format!("{href}?{}&{}", fixes::pair("verdict", verdict.as_str()), fixes::pair("after", &after))
        }),
        judged: judged.items.iter().map(|row| JudgedLine::of(row, catalogue)).collect(),
        first,
        in_force: stated.iter().any(|line| line.in_force),
        stated,
        may_attest: call.may(Permission::Attest),
        href,
        form,
        errors,
    })
}

fn tabs(control: &Control, standing: &Standing, chosen: Verdict, href: &str) -> Vec<Tab> {
    let sum = |of: fn(&CheckState) -> i64| -> i64 {
        control.checks.iter().filter_map(|id| standing.checks.get(id)).map(of).sum()
    };
    let counts = [
        (Verdict::Fail, "Failing", sum(|s| s.failed)),
        (Verdict::Unknown, "Unknown", sum(|s| s.unknown)),
        (Verdict::Pass, "Passing", sum(|s| s.passed)),
    ];
    counts
        .into_iter()
        .map(|(verdict, title, count)| Tab {
            title: format!("{title} ({})", text::number(count)),
            href: format!("{href}?{}", fixes::pair("verdict", verdict.as_str())),
            chosen: verdict == chosen,
        })
        .collect()
}

fn find<'a>(catalogue: &'a Catalogue, id: &str, control: &str) -> Result<(&'a Framework, &'a Control), WebError> {
    let framework = framework(catalogue, id)?;
    let control = framework.controls.iter().find(|c| c.id == control).ok_or(WebError::NotFound)?;
    Ok((framework, control))
}

/// The control of an address, when it is one that people attest.
fn attested<'a>(
    catalogue: &'a Catalogue,
    (id, control): &(String, String),
) -> Result<(&'a Framework, &'a Control), WebError> {
    let (framework, control) = find(catalogue, id, control)?;
    if !control.is_attested() {
        return Err(WebError::Conflict("This control is decided by its checks, not by a statement.".to_owned()));
    }
    Ok((framework, control))
}

async fn attest(
    mut call: Call<Attest>,
    path: web::Path<(String, String)>,
    form: Form<StatementForm>,
) -> Result<HttpResponse, WebError> {
    let (framework, control) = attested(call.catalogue(), &path)?;
    let (holds, statement, expires_at) = match form.0.read(call.now) {
        Ok(read) => read,
        Err(errors) => {
            let page = read(&mut call, &path, form.0.clone(), errors).await?;
            return call.visit().page_with(HttpResponse::UnprocessableEntity(), &page);
        }
    };
    let given = Statement { framework: &framework.id, control: &control.id, holds, text: statement, expires_at };
    let (by, now) = (call.actor.id, call.now);
    attestation::give(&mut call.tx, &given, by, now).await?;
    let object = format!("{} {}", framework.id, control.id);
    call.record("control.attested", &object, json!({ "holds": holds, "expires_at": expires_at })).await?;
    call.done(&control_href(&framework.id, &control.id), Flash::good("The attestation is recorded.")).await
}

async fn withdraw(
    mut call: Call<Attest>,
    path: web::Path<(String, String)>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let (framework, control) = attested(call.catalogue(), &path)?;
    let now = call.now;
    attestation::withdraw(&mut call.tx, &framework.id, &control.id, now).await?;
    let object = format!("{} {}", framework.id, control.id);
    call.record("control.attestation_withdrawn", &object, json!({})).await?;
    call.done(&control_href(&framework.id, &control.id), Flash::good("The attestation is withdrawn.")).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_needs_all_three() {
        let now = DateTime::UNIX_EPOCH;
        let errors = StatementForm::default().read(now).expect_err("nothing typed");
        assert!(errors.holds.is_some() && errors.statement.is_some() && errors.months.is_some());
        let form = StatementForm {
            holds: "no".to_owned(),
            statement: "The contact list is out of date.".to_owned(),
            months: "12".to_owned(),
        };
        let (holds, _, expires) = form.read(now).expect("sound");
        assert!(!holds && expires == now + TimeDelta::days(365));
    }
}
