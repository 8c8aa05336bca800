//! The next page of a list, as the `Link` header names it (RFC 8288).

use url::Url;

/// The address of the next page, if there is one. It has to be of the same registry.
pub(crate) fn next(header: Option<&str>, page: &Url) -> Result<Option<Url>, String> {
    let Some(target) = header.and_then(next_target) else { return Ok(None) };
    let url = page.join(target).map_err(|_| "the registry names a next page that is no address".to_owned())?;
    if url.origin() != page.origin() {
        return Err("the registry names a next page on another host".to_owned());
    }
    Ok(Some(url))
}

/// `</v2/_catalog?last=x>; rel="next"` → `/v2/_catalog?last=x`.
fn next_target(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, parameters) = after.split_once('>')?;
        let end = parameters.find(",").unwrap_or(parameters.len());
        let (own, others) = parameters.split_at(end);
        let is_next = own.split(';').any(|parameter| {
            let parameter = parameter.trim().to_ascii_lowercase();
            parameter.strip_prefix("rel=").is_some_and(|value| value.trim_matches('"') == "next")
        });
        if is_next {
            return Some(target);
        }
        rest = others;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(header: &str) -> Result<Option<String>, String> {
        let page = Url::parse("https://registry.example/v2/_catalog?n=2").unwrap();
        next(Some(header), &page).map(|url| url.map(String::from))
    }

    #[test]
    fn the_next_page_is_found_relative_or_whole() {
        let wanted = Some("https://registry.example/v2/_catalog?last=b&n=2".to_owned());
        assert_eq!(at(r#"</v2/_catalog?last=b&n=2>; rel="next""#), Ok(wanted.clone()));
        assert_eq!(at(r#"</x>; rel="prev", <https://registry.example/v2/_catalog?last=b&n=2>; rel=next"#), Ok(wanted));
        assert_eq!(at(r#"</x>; rel="prev""#), Ok(None));
        assert_eq!(at("nonsense <"), Ok(None));
    }

    #[test]
    fn no_page_leads_elsewhere() {
        assert!(at(r#"<https://elsewhere.example/v2/_catalog>; rel="next""#).is_err());
        assert!(at(r#"<http://registry.example/v2/_catalog>; rel="next""#).is_err());
        assert!(at(r#"<//169.254.169.254/>; rel="next""#).is_err());
    }
}
