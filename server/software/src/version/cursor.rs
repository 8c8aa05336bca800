//! Reading a version from left to right: the few steps that every grammar here is made of.

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }

    pub(super) fn rest(self) -> &'a str {
        self.0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Steps over a prefix; says whether it was there.
    pub(super) fn eat(&mut self, prefix: &str) -> bool {
        match self.0.strip_prefix(prefix) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Steps over one of these characters; says whether one was there.
    pub(super) fn eat_any(&mut self, marks: &[char]) -> bool {
        match self.0.strip_prefix(marks) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Steps over a prefix, whatever the case of its ASCII letters.
    pub(super) fn eat_ignoring_case(&mut self, prefix: &str) -> bool {
        match self.0.split_at_checked(prefix.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(prefix) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// The longest run of matching characters; may be empty.
    pub(super) fn run(&mut self, matches: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !matches(c)).unwrap_or(self.0.len());
        let (run, rest) = self.0.split_at_checked(end).unwrap_or((self.0, ""));
        self.0 = rest;
        run
    }

    /// A run of ASCII digits; none when the next character is no digit.
    pub(super) fn digits(&mut self) -> Option<&'a str> {
        Some(self.run(|c| c.is_ascii_digit())).filter(|digits| !digits.is_empty())
    }
}
