//! Charts as SVG: the numbers of a line, placed.
//!
//! The drawing area is stretched by the browser, so that a chart is as wide as its place; words stand beside it in HTML,
//! where they keep their size.

use crate::text;
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_store::posture::TrendPoint;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 200.0;

/// The trend of the score.
#[derive(Template)]
#[template(path = "posture/_trend.html")]
pub(crate) struct Trend {
    /// What the chart says, in one sentence.
    summary: String,
    net: String,
    /// The same as `net`, closed along the bottom.
    area: String,
    /// None when no risk is accepted at any point.
    gross: Option<String>,
    grid: Vec<GridLine>,
    first: String,
    last: String,
    rows: Vec<Row>,
}

struct GridLine {
    label: String,
    y: String,
}

/// One line of the table that says the same.
struct Row {
    at: String,
    score: i32,
    gross: i32,
    /// Neither is kept of every part.
    coverage: Option<i32>,
    open: Option<String>,
}

impl Trend {
    /// Draws the points, which are in order of time; none when there are fewer than two.
    #[must_use]
    pub(crate) fn of(points: &[TrendPoint]) -> Option<Self> {
        let (first, last) = (points.first()?, points.last()?);
        if points.len() < 2 {
            return None;
        }
        let scale = Scale::over(points);
        let net = scale.path(points, |p| p.score);
        let accepted = points.iter().any(|p| (p.score - p.gross_score).abs() > 0.05);
        Some(Self {
            summary: summary(first, last),
            area: format!("{net} L{WIDTH} {HEIGHT} L0 {HEIGHT} Z"),
            gross: accepted.then(|| scale.path(points, |p| p.gross_score)),
            grid: scale.grid(),
            first: instant(first, first, last),
            last: instant(last, first, last),
            rows: points.iter().rev().step_by(points.len().div_ceil(12)).map(Row::of).collect(),
            net,
        })
    }
}

impl Row {
    fn of(point: &TrendPoint) -> Self {
        Self {
            at: text::when(point.at),
            score: whole(point.score),
            gross: whole(point.gross_score),
            coverage: point.coverage.map(percent),
            open: point.open_findings.map(text::number),
        }
    }
}

fn summary(first: &TrendPoint, last: &TrendPoint) -> String {
    let change = last.score - first.score;
    let moved = match change {
        _ if change.abs() < 0.05 => "has not moved".to_owned(),
        _ if change > 0.0 => format!("rose by {:.1} points", change),
        _ => format!("fell by {:.1} points", -change),
    };
    let (from, to) = (instant(first, first, last), instant(last, first, last));
    format!("The score {moved} from {from} to {to}: {} then, {} now.", whole(first.score), whole(last.score))
}

/// The day of a point, or its time where all are of one day.
fn instant(point: &TrendPoint, first: &TrendPoint, last: &TrendPoint) -> String {
    if first.at.date_naive() == last.at.date_naive() {
        return point.at.format("%H:%M UTC").to_string();
    }
    text::day(point.at)
}

/// Where a number stands: the axis runs over the tens around what is drawn.
struct Scale {
    low: f64,
    high: f64,
    from: DateTime<Utc>,
    length: f64,
}

impl Scale {
    fn over(points: &[TrendPoint]) -> Self {
        let all = points.iter().flat_map(|p| [p.score, p.gross_score]);
        let (least, most) = all.fold((100.0_f64, 0.0_f64), |(low, high), score| (low.min(score), high.max(score)));
        let low = ((least / 10.0).floor() * 10.0).min(90.0);
        let high = ((most / 10.0).ceil() * 10.0).max(low + 10.0);
        let (from, to) = (points[0].at, points[points.len() - 1].at);
        #[expect(clippy::cast_precision_loss, reason = "a drawing is a thousand units wide")]
        let length = (to - from).num_milliseconds().max(1) as f64;
        Self { low, high, from, length }
    }

    fn x(&self, at: DateTime<Utc>) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a drawing is a thousand units wide")]
        let passed = (at - self.from).num_milliseconds() as f64;
        WIDTH * passed / self.length
    }

    fn y(&self, score: f64) -> f64 {
        HEIGHT * (self.high - score) / (self.high - self.low)
    }

    fn path(&self, points: &[TrendPoint], score: fn(&TrendPoint) -> f64) -> String {
        let place = |p: &TrendPoint| format!("{:.1} {:.1}", self.x(p.at), self.y(score(p)));
        format!("M{}", points.iter().map(place).collect::<Vec<_>>().join(" L"))
    }

    fn grid(&self) -> Vec<GridLine> {
        [self.high, f64::midpoint(self.high, self.low), self.low]
            .into_iter()
            .map(|score| GridLine { label: format!("{score:.0}"), y: format!("{:.1}", self.y(score)) })
            .collect()
    }
}

/// A score as shown: rounded down.
#[must_use]
pub(crate) fn whole(score: f64) -> i32 {
    plumbline_core::score::Score(score).shown()
}

/// A score with one decimal, rounded down, so that only a whole hundred is shown as one.
#[must_use]
pub(crate) fn tenths(score: f64) -> String {
    format!("{:.1}", (score * 10.0).floor() / 10.0)
}

/// A share from 0 to 1 in whole percent, rounded down: 100 means all.
#[must_use]
pub(crate) fn percent(share: f64) -> i32 {
    whole((share * 100.0).clamp(0.0, 100.0))
}

/// A part of a whole in percent; 0 of nothing.
#[must_use]
pub(crate) fn share(part: i64, of: i64) -> i32 {
    if of <= 0 { 0 } else { i32::try_from(part.clamp(0, of) * 100 / of).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn point(day: i64, score: f64) -> TrendPoint {
        let at = DateTime::UNIX_EPOCH + TimeDelta::days(day);
        TrendPoint { at, score, gross_score: score, coverage: Some(1.0), open_findings: Some(3) }
    }

    #[test]
    fn a_single_point_is_no_trend() {
        assert!(Trend::of(&[point(0, 50.0)]).is_none());
        assert!(Trend::of(&[]).is_none());
    }

    #[test]
    fn only_a_whole_hundred_is_shown_as_one() {
        assert_eq!([99.99, 100.0, 60.05, 0.0].map(tenths), ["99.9", "100.0", "60.0", "0.0"]);
    }

    #[test]
    fn a_flat_line_has_an_axis() {
        let trend = Trend::of(&[point(0, 100.0), point(1, 100.0)]).expect("a trend");
        assert!(trend.net.starts_with("M0.0 0.0 L1000.0"), "{}", trend.net);
        assert_eq!(trend.grid[0].label, "100");
    }

    #[test]
    fn the_sentence_says_where_it_went() {
        let trend = Trend::of(&[point(0, 71.9), point(9, 64.2)]).expect("a trend");
        assert_eq!(trend.summary, "The score fell by 7.7 points from 1 Jan 1970 to 10 Jan 1970: 71 then, 64 now.");
    }
}
