//! The bill of materials of an image, in the two formats that other tools read.

use crate::call::{Call, Export};
use crate::error::WebError;
use crate::route::Route;
use crate::words;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, SecondsFormat, Utc};
use plumbline_core::id::ResourceId;
use plumbline_software::layer::Software;
use plumbline_software::sbom::{Bill, Entry, Kind, MOST_LEFT_OUT, Subject, cyclonedx, spdx};
use plumbline_store::resource::{self, ResourceDetail};
use plumbline_store::{memory, software};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/resources/{image}/sbom", download)]
}

/// A format of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    CycloneDx,
    Spdx,
}

impl Format {
    /// The format that an address asks for, CycloneDX when it asks for none.
    fn of(address: &str) -> Option<Self> {
        let asked = words::query(address).find(|(key, _)| key == "format");
        match asked.as_ref().map(|(_, word)| word.as_str()) {
            None | Some("cyclonedx") => Some(Self::CycloneDx),
            Some("spdx") => Some(Self::Spdx),
            Some(_) => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::CycloneDx => "application/vnd.cyclonedx+json; version=1.6",
            Self::Spdx => "application/spdx+json",
        }
    }

    fn write(self, bill: &Bill) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::CycloneDx => cyclonedx::write(bill, &mut bytes)?,
            Self::Spdx => spdx::write(bill, &mut bytes)?,
        }
        Ok(bytes)
    }
}

async fn download(mut call: Call<Export>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let format = Format::of(&call.visit().here)
        .ok_or_else(|| WebError::Invalid("A bill of materials is to be had as cyclonedx or as spdx.".to_owned()))?;
    let found = resource::get(&mut call.tx, ResourceId(*id)).await?;
    let missing = || {
        let words =
            "There is no bill of materials of this: it is no image, or the image's layers were not read to the end.";
        WebError::Missing(words.to_owned())
    };
    let image = About::of(&found).ok_or_else(missing)?;
    let read_at = software::read_at(&mut call.tx, &image.key).await?.ok_or_else(missing)?;
    let kept = memory::recall(&mut call.tx, std::slice::from_ref(&image.key)).await?.remove(&image.key);
    let kept = kept.ok_or_else(missing)?;
    let name = format!("{}.{}.json", image.file_name(), format.word());
    let bytes = web::block(move || {
        let software = Software::unpack(&kept).map_err(|error| WebError::Internal(error.to_string()))?;
        format.write(&image.bill(software, read_at)).map_err(|error| WebError::Internal(error.to_string()))
    })
    .await
    .map_err(|error| WebError::Internal(error.to_string()))??;
    call.record("image.sbom_exported", &found.uid, json!({ "format": format.word() })).await?;
    call.commit().await?;
    Ok(HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(bytes))
}

/// What of an image stands in its bill beside its components.
struct About {
    /// Under which its software is kept.
    key: String,
    name: String,
    digest: String,
    layers: Vec<String>,
}

impl About {
    /// None for what is no image and for images whose software was not read.
    fn of(found: &ResourceDetail) -> Option<Self> {
        let attributes = &found.attributes.0;
        let text = |name: &str| attributes.get(name)?.as_str().map(str::to_owned);
        let layers = attributes.get("Layers").and_then(|layers| layers.as_array()).map_or(&[][..], Vec::as_slice);
        (found.kind == "image").then_some(())?;
        Some(Self {
            key: text("Software")?,
            name: format!("{}/{}", found.account, found.region),
            digest: text("Digest").unwrap_or_default(),
            layers: layers.iter().map(|layer| layer["digest"].as_str().unwrap_or_default().to_owned()).collect(),
        })
    }

    /// Nothing but what every file system and header takes.
    fn file_name(&self) -> String {
        let whole = format!("{}-{}", self.name, self.digest.chars().take(19).collect::<String>());
        let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
        let name: String = whole.chars().map(safe).collect();
        name.trim_matches(['.', '-']).chars().take(150).collect()
    }

    fn bill(&self, software: Software, read_at: DateTime<Utc>) -> Bill {
        let digest = |layer: u32| usize::try_from(layer).ok().and_then(|at| self.layers.get(at)).cloned();
        let entry = |one: plumbline_software::layer::Installed| Entry {
            layer: digest(one.layer).filter(|digest| !digest.is_empty()),
            component: one.component,
        };
        let unreadable = software.unreadable.iter().map(|(_, unread)| format!("{}: {}", unread.path, unread.why));
        Bill {
            subject: Subject { name: self.name.clone(), version: self.digest.clone(), kind: Kind::Image },
            created: read_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            serial: self.serial().to_string(),
            distribution: software.distribution.clone(),
            left_out: unreadable.take(MOST_LEFT_OUT).collect(),
            left_out_total: software.unreadable.len(),
            components: software.components.into_iter().map(entry).collect(),
        }
    }

    /// The same for the same image, so that two downloads are the same file.
    fn serial(&self) -> Uuid {
        let hash = Sha256::new().chain_update("bill of materials").chain_update(&self.name).chain_update(&self.digest);
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        Builder::from_custom_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_software::Distribution;
    use plumbline_software::layer::Installed;
    use plumbline_software::{Component, Type};

    fn about() -> About {
        About {
            key: "software".to_owned(),
            name: "registry.example.com/app/api".to_owned(),
            digest: format!("sha256:{}", "ab".repeat(32)),
            layers: vec![format!("sha256:{}", "cd".repeat(32))],
        }
    }

    #[test]
    fn a_bill_comes_back_the_same_from_both_formats() {
        let component = Component::new(Type::Npm, "@scope/tool", "1.0.0", "app/node_modules/@scope/tool/package.json");
        let software = Software {
            distribution: Some(Distribution::new("debian", "12")),
            components: vec![Installed { component: component.clone(), layer: 0 }],
            ..Software::default()
        };
        let bill = about().bill(software, DateTime::UNIX_EPOCH);
        assert_eq!(bill.created, "1970-01-01T00:00:00Z");

        for format in [Format::CycloneDx, Format::Spdx] {
            let bytes = format.write(&bill).expect("bytes");
            let back = plumbline_software::sbom::read(&bytes).expect("a bill");
            assert_eq!(back.components[0].component, component, "{format:?}");
            assert_eq!(back.components[0].layer.as_deref(), Some(about().layers[0].as_str()), "{format:?}");
            assert_eq!(back.serial, bill.serial, "{format:?}");
            assert_eq!(format.write(&bill).expect("bytes"), bytes, "twice is the same");
        }
    }

    #[test]
    fn the_serial_is_the_images_own() {
        let other = About { digest: "sha256:00".to_owned(), ..about() };
        assert_eq!(about().serial(), about().serial());
        assert_ne!(about().serial(), other.serial());
    }

    #[test]
    fn a_file_name_is_safe() {
        assert_eq!(about().file_name(), "registry.example.com-app-api-sha256-abababababab");
        assert_eq!(About { name: "../a\"b\r\n".to_owned(), digest: String::new(), ..about() }.file_name(), "a-b");
    }

    #[test]
    fn a_format_that_is_none_is_not_guessed() {
        assert_eq!(Format::of("/x/sbom"), Some(Format::CycloneDx));
        assert_eq!(Format::of("/x/sbom?format=spdx"), Some(Format::Spdx));
        assert_eq!(Format::of("/x/sbom?format=xml"), None);
    }
}
