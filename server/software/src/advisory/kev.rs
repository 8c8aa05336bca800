//! CISA's catalogue of flaws that are known to be exploited (<https://www.cisa.gov/known-exploited-vulnerabilities-catalog>).

use super::osv::Unreadable;
use serde::Deserialize;

/// The largest catalogue that is read, in bytes; it has about 1.5 MB.
pub const LIMIT: usize = 64 << 20;

/// The catalogue of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// `2031.02.03`.
    pub version: String,
    /// RFC 3339.
    pub released: String,
    pub exploited: Vec<Exploited>,
}

/// A flaw that is exploited.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Exploited {
    #[serde(rename = "cveID")]
    pub cve: String,
    #[serde(rename = "vulnerabilityName", default)]
    pub name: String,
    /// `2031-02-03`, the day on which it was added.
    #[serde(rename = "dateAdded", default)]
    pub added: String,
    /// The day by which agencies of the United States must have acted.
    #[serde(rename = "dueDate", default)]
    pub due: String,
    /// Whether it is known to be used for extortion. `Unknown` there is false here.
    #[serde(rename = "knownRansomwareCampaignUse", default, deserialize_with = "known")]
    pub ransomware: bool,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "catalogVersion")]
    version: String,
    #[serde(rename = "dateReleased")]
    released: String,
    vulnerabilities: Vec<Exploited>,
}

impl Catalogue {
    /// Reads the catalogue's JSON.
    ///
    /// # Errors
    /// When it is too large, not of the catalogue's shape, or lists what is no CVE id.
    pub fn read(json: &[u8]) -> Result<Self, Unreadable> {
        if json.len() > LIMIT {
            return Err(Unreadable::new(format!("larger than {LIMIT} bytes")));
        }
        let wire: Wire = serde_json::from_slice(json).map_err(|error| Unreadable::new(error.to_string()))?;
        if wire.vulnerabilities.iter().any(|one| !is_cve(&one.cve)) {
            return Err(Unreadable::new("it lists an id that is no CVE id"));
        }
        Ok(Self { version: wire.version, released: wire.released, exploited: wire.vulnerabilities })
    }
}

/// `CVE-`, a year, at least four digits; no more than 32 letters in all.
pub(super) fn is_cve(id: &str) -> bool {
    let digits = |text: &str, least: usize| text.len() >= least && text.bytes().all(|byte| byte.is_ascii_digit());
    id.len() <= 32
        && id
            .strip_prefix("CVE-")
            .and_then(|rest| rest.split_once('-'))
            .is_some_and(|(year, number)| year.len() == 4 && digits(year, 4) && digits(number, 4))
}

fn known<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(Option::<String>::deserialize(from)?.is_some_and(|word| word.eq_ignore_ascii_case("known")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: &str = r#"{"title":"Catalog","catalogVersion":"2031.02.03","dateReleased":"2031-02-03T15:00:00.1Z",
        "count":2,"vulnerabilities":[
        {"cveID":"CVE-2031-1000","vendorProject":"Example","product":"Thing","vulnerabilityName":"Thing flaw",
         "dateAdded":"2031-02-01","shortDescription":"…","requiredAction":"…","dueDate":"2031-02-22",
         "knownRansomwareCampaignUse":"Known","notes":"","cwes":["CWE-79"]},
        {"cveID":"CVE-2031-20001","dateAdded":"2031-02-02","dueDate":"2031-02-23",
         "knownRansomwareCampaignUse":"Unknown"}]}"#;

    #[test]
    fn the_catalogue_is_read_with_its_date() {
        let catalogue = Catalogue::read(CATALOGUE.as_bytes()).unwrap();
        assert_eq!((catalogue.version.as_str(), catalogue.exploited.len()), ("2031.02.03", 2));
        assert!(catalogue.released.starts_with("2031-02-03"));
        let first = &catalogue.exploited[0];
        assert_eq!((first.cve.as_str(), first.due.as_str(), first.ransomware), ("CVE-2031-1000", "2031-02-22", true));
        assert!(!catalogue.exploited[1].ransomware);
    }

    #[test]
    fn what_is_no_catalogue_is_unreadable() {
        assert!(Catalogue::read(b"{}").is_err());
        assert!(Catalogue::read(b"<html>").is_err());
        assert!(Catalogue::read(CATALOGUE.replace("CVE-2031-1000", "CVE-2031-x").as_bytes()).is_err());
    }
}
