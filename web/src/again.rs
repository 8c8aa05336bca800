//! What was typed into a form that could not be kept just now: the answer gives it back, with a button to send it again.

use crate::csrf::Secret;
use crate::state::AppState;
use crate::words;
use actix_web::{HttpMessage, HttpRequest, web};

/// Names of fields that are never sent back have one of these in them. A form with such a field is not given back at all.
const SECRET: [&str; 8] = ["secret", "password", "token", "credential", "key", "kubeconfig", "current", "new"];

/// The fields of a form and what its token is made of, remembered while its request is answered: afterwards the session is
/// no longer at hand.
struct Typed {
    fields: Vec<(String, String)>,
    secret: Secret,
}

fn is_secret(name: &str) -> bool {
    SECRET.iter().any(|word| name.contains(word))
}

/// Remembers what was typed, the token aside, until the request is answered.
pub(crate) fn remember(req: &HttpRequest, fields: &[(String, String)], secret: Secret) {
    if !fields.iter().any(|(name, _)| is_secret(name)) {
        req.extensions_mut().insert(Typed { fields: fields.to_vec(), secret });
    }
}

/// A form to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    /// Where to.
    pub(crate) action: String,
    pub(crate) csrf: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Again {
    /// The form of a request; none where it had none, or a secret in it.
    pub(crate) fn of(req: &HttpRequest) -> Option<Self> {
        let state = req.app_data::<web::Data<AppState>>()?;
        let extensions = req.extensions();
        let typed = extensions.get::<Typed>()?;
        let (action, csrf) = (req.uri().to_string(), typed.secret.masked(&state.mint));
        Some(Self { action, csrf, fields: typed.fields.clone() })
    }

    /// What people typed of it, ids and empty fields aside.
    pub(crate) fn shown(&self) -> Vec<(String, &str)> {
        let is_id = |value: &str| value.parse::<uuid::Uuid>().is_ok();
        let shown = self.fields.iter().filter(|(_, value)| !value.trim().is_empty() && !is_id(value));
        shown.map(|(name, value)| (words::capital(&name.replace('_', " ")), value.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The names of password fields in the templates below a folder.
    fn passwords(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                passwords(&entry, found);
                continue;
            }
            let text = std::fs::read_to_string(&entry).expect("a template");
            let inputs = text.split("<input").filter_map(|rest| rest.split_once('>').map(|(input, _)| input));
            let names = inputs
                .filter(|input| input.contains("type=\"password\""))
                .filter_map(|input| input.split_once(" name=\"")?.1.split_once('"').map(|(name, _)| name.to_owned()));
            found.extend(names);
        }
    }

    #[test]
    fn no_password_field_of_any_page_is_given_back() {
        let mut names = Vec::new();
        passwords(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut names);
        assert!(names.len() > 10, "{names:?}");
        for name in &names {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn ids_are_sent_again_and_not_shown() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields =
            vec![pair("finding", "01900000-0000-7000-8000-000000000000"), pair("note", "On it"), pair("due", "")];
        let again = Again { action: "/findings/bulk".to_owned(), csrf: String::new(), fields };
        assert_eq!(again.shown(), [("Note".to_owned(), "On it")]);
    }
}
