//! Tickets: one fix in a tracker of the tenant's.

use crate::id::FixId;
use serde::{Deserialize, Serialize};

/// A sort of tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackerKind {
    Github,
    Gitlab,
    Jira,
    Webhook,
}

impl TrackerKind {
    pub const ALL: [Self; 4] = [Self::Github, Self::Gitlab, Self::Jira, Self::Webhook];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Jira => "jira",
            Self::Webhook => "webhook",
        }
    }

    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Github => "GitHub issues",
            Self::Gitlab => "GitLab issues",
            Self::Jira => "Jira Cloud",
            Self::Webhook => "Webhook",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Where it is when nobody says otherwise.
    #[must_use]
    pub fn usual_address(self) -> &'static str {
        match self {
            Self::Github => "https://api.github.com",
            Self::Gitlab => "https://gitlab.com",
            Self::Jira | Self::Webhook => "",
        }
    }
}

/// What a tenant says of a tracker beside its address and project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrackerSettings {
    /// The e-mail address that a Jira token belongs to.
    pub email: String,
    /// The type of a Jira issue.
    pub issue_type: String,
    /// The name of the transition of Jira that closes an issue; empty for any that leads to what is done.
    pub done_transition: String,
    /// Labels beside our own.
    pub labels: Vec<String>,
    /// Whether a proven fix leaves the ticket closed or open as its people left it, with a comment alone.
    pub leave_open: bool,
}

/// The label of every ticket of ours.
pub const LABEL: &str = "plumbline";

/// The words in a ticket's body by which it is found again: a second one is never made for a fix.
#[must_use]
pub fn marker(fix: FixId) -> String {
    format!("plumbline-fix:{fix}")
}

/// What a ticket says, without the form of any tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketText {
    pub title: String,
    pub blocks: Vec<Block>,
}

/// A piece of what a ticket says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Heading(String),
    Words(String),
    List(Vec<String>),
    Code(String),
    /// Words, and where they lead.
    Link(String, String),
}

/// The longest title that every tracker takes.
const TITLE: usize = 240;
/// The longest body that every tracker takes, with room for its form.
const BODY: usize = 20_000;

impl TicketText {
    /// A title of one line that is not too long.
    #[must_use]
    pub fn new(title: &str) -> Self {
        let line: String = title.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { title: line.chars().take(TITLE).collect(), blocks: Vec::new() }
    }

    /// In Markdown. Nothing that is put in becomes a mention, a link or markup.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            if out.len() > BODY {
                out.push_str("…\n");
                break;
            }
            match block {
                Block::Heading(words) => out.push_str(&format!("## {}\n\n", escaped(words))),
                Block::Words(words) => out.push_str(&format!("{}\n\n", escaped(words))),
                Block::List(lines) => {
                    lines.iter().for_each(|line| out.push_str(&format!("- {}\n", escaped(line))));
                    out.push('\n');
                }
                Block::Code(text) => {
                    let fence = if text.contains("```") { "~~~~~~" } else { "```" };
                    out.push_str(&format!("{fence}\n{}\n{fence}\n\n", text.trim_end()));
                }
                Block::Link(words, to) => out.push_str(&format!("[{}](<{to}>)\n\n", escaped(words))),
            }
        }
        out.trim_end().to_owned()
    }
}

/// Markdown's own letters taken literally; `@` with a zero-width space behind, so that nobody is called by a name in a tag.
fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '@' => out.push_str("@\u{200b}"),
            '\n' | '\r' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '!' => out.extend(['\\', letter]),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_stays_words() {
        let mut text = TicketText::new("a\n title  of two lines");
        text.blocks.push(Block::Words("@everybody [see](http://evil.example.com)".to_owned()));
        text.blocks.push(Block::Code("echo ```".to_owned()));
        assert_eq!(text.title, "a title of two lines");
        let markdown = text.markdown();
        assert!(!markdown.contains("@everybody") && markdown.contains(r"\[see\]"), "{markdown}");
        assert!(markdown.contains("~~~~~~\necho ```\n~~~~~~"), "{markdown}");
    }
}
