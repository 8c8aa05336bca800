//! Private keys in armour (PEM, OpenSSH, PGP, PuTTY).

use super::Hit;
use super::pattern::{Anchor, Look};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The longest armoured key that is looked at, in bytes.
const LONGEST: usize = 64 << 10;

pub(super) const ANCHORS: &[Anchor] =
    &[Anchor { text: "-----BEGIN ", look: armoured }, Anchor { text: "PuTTY-User-Key-File-", look: putty }];

/// A key between `-----BEGIN … PRIVATE KEY-----` and its end, also inside a JSON string.
fn armoured(look: &Look<'_>) -> Option<Hit> {
    let (label, rest) = split_at_dashes(window(look))?;
    let label = std::str::from_utf8(label).ok().filter(|label| label.len() <= 40)?;
    if !(label.ends_with("PRIVATE KEY") || label == "PGP PRIVATE KEY BLOCK") {
        return None;
    }
    // Up to the next dashes, which the body cannot hold: however many beginnings there are, each byte is seen once.
    let (body, rest) = split_at_dashes(rest)?;
    let footer = format!("END {label}-----");
    if !rest.starts_with(footer.as_bytes()) {
        return None;
    }
    let armour = Armour::of(body)?;
    let judged = armour.judge(label)?;
    let kind = match judged {
        Judged::Encrypted => "encrypted_private_key",
        Judged::Plain if label.starts_with("PGP") => "pgp_private_key",
        Judged::Plain if look.file.is_service_account() => "google_service_account",
        Judged::Plain => "private_key",
    };
    let end = look.after + label.len() + 5 + body.len() + 5 + footer.len();
    let hit = Hit::new(kind, look.at, end, armour.text.as_bytes());
    Some(if matches!(judged, Judged::Encrypted) { hit.lesser() } else { hit })
}

/// What follows the beginning, as far as it is looked at.
fn window<'a>(look: &Look<'a>) -> &'a [u8] {
    let rest = look.bytes.get(look.after..).unwrap_or_default();
    rest.get(..LONGEST).unwrap_or(rest)
}

fn split_at_dashes(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memmem::find(bytes, b"-----")?;
    Some((bytes.get(..at)?, bytes.get(at + 5..)?))
}

enum Judged {
    Plain,
    Encrypted,
}

/// What stands between the dashes.
struct Armour {
    text: String,
    bytes: Vec<u8>,
    /// Whether a header says that it is encrypted.
    says_encrypted: bool,
}

impl Armour {
    /// Undoes the armour: line breaks (also escaped ones), headers, base 64. None when that is not what it is.
    fn of(body: &[u8]) -> Option<Self> {
        let body = std::str::from_utf8(body).ok()?.replace("\\r", "\n").replace("\\n", "\n");
        let (mut text, mut says_encrypted) = (String::new(), false);
        for line in body.lines().map(|line| line.trim_matches([' ', '\t', '\r', '"', '\'', '\\', ','])) {
            if line.contains(": ") {
                says_encrypted |= line.contains("ENCRYPTED");
            } else if !(line.starts_with('=') && line.len() == 5) {
                // What is left out is the check sum of PGP's armour.
                text.push_str(line);
            }
        }
        let bytes = STANDARD.decode(&text).ok()?;
        Some(Self { text, bytes, says_encrypted })
    }

    /// Whether this is a key of that kind, and whether it is encrypted.
    fn judge(&self, label: &str) -> Option<Judged> {
        if self.says_encrypted {
            return (self.bytes.len() >= 48).then_some(Judged::Encrypted);
        }
        match label {
            "OPENSSH PRIVATE KEY" => self.judge_openssh(),
            "PGP PRIVATE KEY BLOCK" => self.judge_pgp(),
            "ENCRYPTED PRIVATE KEY" => is_whole_sequence(&self.bytes).then_some(Judged::Encrypted),
            _ => (is_whole_sequence(&self.bytes) && self.is_varied()).then_some(Judged::Plain),
        }
    }

    /// Real keys are random: a dummy of the right form is not.
    fn is_varied(&self) -> bool {
        super::verify::entropy(&self.bytes) > 4.0
    }

    fn judge_openssh(&self) -> Option<Judged> {
        let rest = self.bytes.strip_prefix(b"openssh-key-v1\0")?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        match rest.get(..length)? {
            b"none" if self.is_varied() => Some(Judged::Plain),
            b"none" => None,
            _ => Some(Judged::Encrypted),
        }
    }

    fn judge_pgp(&self) -> Option<Judged> {
        // Tag 5, a secret key, in the old and the new form of packets (RFC 4880, 4.2).
        let packet = match *self.bytes.first()? {
            0x94 => self.bytes.get(2..),
            0x95 => self.bytes.get(3..),
            0x96 => self.bytes.get(5..),
            0xC5 => self.bytes.get(if *self.bytes.get(1)? < 192 { 2 } else { 3 }..),
            _ => None,
        }?;
        match pgp_protection(packet) {
            Some(0) if self.is_varied() => Some(Judged::Plain),
            Some(0) => None,
            _ => Some(Judged::Encrypted),
        }
    }
}

/// Whether these bytes are exactly one DER sequence, as every PKCS key is.
fn is_whole_sequence(bytes: &[u8]) -> bool {
    let Some((0x30, rest)) = bytes.split_first() else { return false };
    let Some((first, rest)) = rest.split_first() else { return false };
    match first {
        0..=0x7F => bytes.len() >= 32 && rest.len() == usize::from(*first),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x0F)).unwrap_or_default();
            let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            length > 0 && rest.len() == length
        }
        _ => false,
    }
}

/// How the secret half of a PGP key is protected (RFC 4880, 5.5.3): zero is not at all.
fn pgp_protection(packet: &[u8]) -> Option<u8> {
    let (4, rest) = packet.split_first().map(|(version, rest)| (*version, rest))? else { return None };
    let algorithm = *rest.get(4)?;
    let mut rest = rest.get(5..)?;
    if matches!(algorithm, 18 | 19 | 22) {
        rest = after_short(rest)?;
    }
    let numbers = match algorithm {
        1..=3 => 2,
        16 => 3,
        17 => 4,
        18 | 19 | 22 => 1,
        _ => return None,
    };
    for _ in 0..numbers {
        let (bits, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_be_bytes(*bits)).div_ceil(8)..)?;
    }
    if algorithm == 18 {
        rest = after_short(rest)?;
    }
    rest.first().copied()
}

/// What follows a field that its first byte gives the length of.
fn after_short(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first()?;
    rest.get(usize::from(*length)..)
}

/// A PuTTY key that is not encrypted.
fn putty(look: &Look<'_>) -> Option<Hit> {
    // Up to the next beginning, so that each byte is seen once.
    let rest = window(look);
    let next = memchr::memmem::find(rest, b"PuTTY-User-Key-File-").unwrap_or(rest.len());
    let text = std::str::from_utf8(rest.get(..next)?).ok()?;
    let encryption = text.lines().take(4).find_map(|line| line.strip_prefix("Encryption: "))?;
    let mut lines = text.lines().skip_while(|line| !line.starts_with("Private-Lines: "));
    let count: usize = lines.next()?.strip_prefix("Private-Lines: ")?.trim().parse().ok()?;
    let body: String = lines.take(count.min(200)).collect();
    STANDARD.decode(&body).ok().filter(|bytes| bytes.len() >= 32)?;
    let end = look.after + text.find("Private-MAC:").or_else(|| text.find("Private-Hash:")).unwrap_or(text.len());
    let hit = Hit::new("private_key", look.at, end, body.as_bytes());
    Some(if encryption.trim() == "none" { hit } else { Hit { kind: "encrypted_private_key", ..hit }.lesser() })
}
