//! Plans: the smallest set of fixes that brings a score to a target by a day.

mod kept;
mod reckon;

use crate::call::{Call, ReadPosture, Triage};
use crate::error::WebError;
use crate::form::Form;
use crate::frame::{Flash, Frame, Nav};
use crate::part::Part;
use crate::route::Route;
use crate::{charts, text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, Days, NaiveDate, Utc};
use kept::KeptLine;
use plumbline_core::role::Permission;
use plumbline_store::plan::{self, NewPlan};
use plumbline_store::source::SourceName;
use plumbline_store::{group, posture, source};
use reckon::{Answer, Reckoned};
use serde::Deserialize;
use serde_json::json;

/// No plan is made further ahead.
const FURTHEST: Days = Days::new(3 * 366);

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = vec![Route::get("/plan", show), Route::post("/plan", keep)];
    routes.extend(kept::routes());
    routes
}

/// What is wanted, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
struct Wish {
    #[serde(default)]
    part: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    name: String,
}

/// What will not do, beside each field.
#[derive(Debug, Clone, Default)]
struct Refused {
    part: Option<&'static str>,
    target: Option<&'static str>,
    by: Option<&'static str>,
    name: Option<&'static str>,
}

/// What is wanted.
#[derive(Debug, Clone)]
struct Wanted {
    part: Part,
    target: i16,
    by: NaiveDate,
}

impl Wish {
    fn parse(address: &str) -> Self {
        let mut wish = Self::default();
        for (key, value) in words::query(address) {
            match key.as_ref() {
                "part" => wish.part = value,
                "target" => wish.target = value,
                "by" => wish.by = value,
                _ => {}
            }
        }
        wish
    }

    fn is_empty(&self) -> bool {
        self.part.is_empty() && self.target.is_empty() && self.by.is_empty()
    }

    fn read(&self, parts: &[Choice], part: Option<Part>, today: NaiveDate) -> Result<Wanted, Refused> {
        let part = part.filter(|part| parts.iter().any(|choice| choice.value == part.word()));
        let target = self.target.trim().parse::<i16>().ok().filter(|target| (1..=100).contains(target));
        let by = self.by.trim().parse::<NaiveDate>().ok();
        let by = by.filter(|by| *by >= today && today.checked_add_days(FURTHEST).is_some_and(|last| *by <= last));
        match (part, target, by) {
            (Some(part), Some(target), Some(by)) => Ok(Wanted { part, target, by }),
            (part, target, by) => Err(Refused {
                part: part.is_none().then_some("Choose what the score is of."),
                target: target.is_none().then_some("A target is a whole number from 1 to 100."),
                by: by.is_none().then_some("Give a day from today to three years ahead."),
                name: None,
            }),
        }
    }
}

struct Choice {
    value: String,
    words: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "plan/index.html")]
struct Page {
    frame: Frame,
    wish: Wish,
    refused: Refused,
    parts: Vec<Choice>,
    answer: Option<Answer>,
    may_keep: bool,
    kept: Vec<KeptLine>,
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let wish = Wish::parse(&call.visit().here);
    let asked = !wish.is_empty();
    let (page, _) = page(&mut call, wish, asked).await?;
    call.page(&page)
}

/// The page with its answer, and what it was reckoned from.
async fn page<P>(
    call: &mut Call<P>,
    mut wish: Wish,
    asked: bool,
) -> Result<(Page, Option<(Wanted, Reckoned)>), WebError> {
    let (catalogue, today) = (call.catalogue(), call.now.date_naive());
    let sources = source::names(&mut call.tx).await?;
    let part = Part::parse(&wish.part, catalogue);
    let chosen = part.clone().unwrap_or_default().word();
    let choice = |part: &Part| Choice {
        value: part.word(),
        words: part.title(catalogue, &sources),
        chosen: part.word() == chosen,
    };
    let parts: Vec<Choice> = offered(call, part.as_ref(), &sources).await?.iter().map(choice).collect();
    let (mut refused, mut reckoned) = (Refused::default(), None);
    if asked {
        match wish.read(&parts, part, today) {
            Ok(wanted) => reckoned = Some((wanted.clone(), reckon::reckon(&mut call.tx, catalogue, &wanted).await?)),
            Err(why) => refused = why,
        }
    } else {
        suggest(call, &mut wish).await?;
    }
    let answer = match &reckoned {
        Some((wanted, reckoned)) => Some(Answer::of(&mut call.tx, catalogue, wanted, reckoned, call.now).await?),
        None => None,
    };
    if let Some((wanted, _)) = &reckoned
        && wish.name.is_empty()
    {
        wish.name = format!("{} to {} by {}", wanted.part.title(catalogue, &sources), wanted.target, day(wanted.by));
    }
    let kept = plan::latest(&mut call.tx).await?;
    let page = Page {
        frame: call.frame(Nav::Fixes),
        wish,
        refused,
        parts,
        answer,
        may_keep: call.may(Permission::Triage),
        kept: kept.iter().map(|row| KeptLine::of(row, catalogue, &sources)).collect(),
    };
    Ok((page, reckoned))
}

/// What a plan can be made for: what has a score, and the group that is asked for even where no posture tells of it.
async fn offered<P>(call: &mut Call<P>, asked: Option<&Part>, sources: &[SourceName]) -> Result<Vec<Part>, WebError> {
    let mut parts = Part::all(call.catalogue(), sources);
    if let Some(latest) = posture::latest(&mut call.tx).await? {
        parts.extend(Part::groups(&latest));
    }
    if let Some(part @ Part::Group { key, value }) = asked
        && !parts.contains(part)
        && group::exists(&mut call.tx, key, value).await?
    {
        parts.push(part.clone());
    }
    Ok(parts)
}

/// Five points more within a month, for a form that nobody filled in.
async fn suggest<P>(call: &mut Call<P>, wish: &mut Wish) -> Result<(), WebError> {
    let now = posture::latest(&mut call.tx).await?.map_or(80, |posture| charts::whole(posture.score));
    wish.target = (now + 5).min(100).to_string();
    wish.by = (call.now.date_naive() + Days::new(28)).to_string();
    Ok(())
}

/// Keeps what is reckoned now for what was asked.
async fn keep(mut call: Call<Triage>, form: Form<Wish>) -> Result<HttpResponse, WebError> {
    let wish = form.0;
    let name = wish.name.trim().to_owned();
    let (mut page, reckoned) = page(&mut call, wish, true).await?;
    let (Some((wanted, reckoned)), 1..=120) = (reckoned, name.chars().count()) else {
        let fits = (1..=120).contains(&name.chars().count());
        page.refused.name = (!fits).then_some("A name takes 1 to 120 characters.");
        page.wish.name = name;
        return call.visit().page_with(HttpResponse::UnprocessableEntity(), &page);
    };
    let Some(found) = reckoned.plan().filter(|plan| !plan.fixes.is_empty()) else {
        return call.visit().page_with(HttpResponse::UnprocessableEntity(), &page);
    };
    let fixes = reckoned.fixes_of(found);
    let new = NewPlan {
        name: &name,
        part: &wanted.part.word(),
        target: wanted.target,
        due: wanted.by,
        score_then: reckoned.now,
        score_planned: found.score.0,
        at_least: i32::try_from(found.at_least).unwrap_or(i32::MAX),
        fixes: &fixes,
        made_by: call.actor.id,
    };
    let mint = call.visit().state.mint.clone();
    let id = plan::keep(&mut call.tx, &new, &mint).await?;
    let detail = json!({ "part": new.part, "target": wanted.target, "by": wanted.by, "fixes": fixes.len() });
    call.record("plan.kept", &name, detail).await?;
    call.done(&format!("/plans/{id}"), Flash::good("The plan is kept. This page says how far it has come.")).await
}

/// A day as people read it.
fn day(day: NaiveDate) -> String {
    text::day(day.and_time(chrono::NaiveTime::MIN).and_utc())
}

/// The days from today to the last one on which people work, both counted.
fn working_days(now: DateTime<Utc>, last: NaiveDate) -> i64 {
    use chrono::Datelike;
    let days = now.date_naive().iter_days().take_while(|day| *day <= last);
    i64::try_from(days.filter(|day| day.weekday().num_days_from_monday() < 5).count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_are_no_working_days() {
        let friday = DateTime::from_timestamp(1_795_780_800, 0).expect("an instant");
        assert_eq!(friday.date_naive().to_string(), "2026-11-27");
        let days = |last: &str| working_days(friday, last.parse().expect("a day"));
        assert_eq!([days("2026-11-27"), days("2026-11-29"), days("2026-12-04")], [1, 1, 6]);
    }

    #[test]
    fn what_will_not_do_is_said_beside_its_field() {
        let today = "2026-11-27".parse().expect("a day");
        let wish =
            Wish { part: String::new(), target: "0".to_owned(), by: "2026-11-26".to_owned(), name: String::new() };
        let refused = wish.read(&[], None, today).expect_err("refused");
        assert!(refused.part.is_some() && refused.target.is_some() && refused.by.is_some());
    }
}
