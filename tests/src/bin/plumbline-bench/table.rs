//! The table that is printed at the end, and what is said while it fills.

use std::io::Write;
use std::time::Duration;

/// Rows of words, in the order in which they were measured.
pub(crate) struct Table(Vec<[String; 3]>);

impl Table {
    pub(crate) fn new() -> Self {
        Self(vec![["section".to_owned(), "measured".to_owned(), "result".to_owned()]])
    }

    pub(crate) fn row(&mut self, section: &str, measured: impl Into<String>, result: impl Into<String>) {
        let row = [section.to_owned(), measured.into(), result.into()];
        say(&format!("{}: {}: {}", row[0], row[1], row[2]));
        self.0.push(row);
    }

    /// Prints the table in Markdown, columns aligned.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let width = |column: usize| self.0.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        let mut out = std::io::stdout().lock();
        for (number, [section, measured, result]) in self.0.iter().enumerate() {
            let [s, m, r] = widths;
            writeln!(out, "| {section:s$} | {measured:m$} | {result:r$} |")?;
            if number == 0 {
                writeln!(out, "|{}|{}|{}|", "-".repeat(s + 2), "-".repeat(m + 2), "-".repeat(r + 2))?;
            }
        }
        Ok(())
    }
}

/// Tells how far it is, beside the table.
pub(crate) fn say(text: &str) {
    // Nobody may be listening, and that is fine.
    let _ = writeln!(std::io::stderr(), "==> {text}");
}

/// So many a second, in whole numbers with separators.
pub(crate) fn rate(count: usize, took: Duration) -> String {
    number(per_second(count, took))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
pub(crate) fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(1e-9)
}

/// A whole number with separators.
pub(crate) fn number(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The middle one of several times.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
