//! Documents as somebody sends them.

use plumbline_software::advisory::{Advisory, Affected, Notice, epss, flaws, kev};
use plumbline_software::version::Order;
use plumbline_software::{distribution, sbom};

/// A version in the first line, an advisory in the others. What is kept of an advisory judges as the advisory itself.
pub(crate) fn advisory(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (version, document) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let version = String::from_utf8_lossy(version);
    let _ = kev::Catalogue::read(document);
    let _ = epss::read(document, |_| {});
    let Ok(advisory) = Advisory::read(document) else { return };
    let notice = Notice::of(&advisory);
    let mut hits = Vec::new();
    for affected in &advisory.affected {
        let verdict = affected.judge(&version);
        assert_eq!(kept(affected).judge(&version), verdict);
        hits.extend(verdict.ok().flatten().map(|hit| (notice.clone(), hit)));
    }
    for order in Order::ALL {
        let _ = flaws(order, hits.iter().map(|(notice, hit)| (notice, hit)));
    }
}

fn kept(affected: &Affected) -> Affected {
    let value = serde_json::to_value(affected).expect("what was read can be kept");
    serde_json::from_value(value).expect("what was kept can be read")
}

/// A bill that is read can be written in both formats, and lists as much when it is read again.
pub(crate) fn sbom(data: &[u8]) {
    let _ = distribution::parse_os_release(data);
    let Ok(mut bill) = sbom::read(data) else { return };
    // Whoever writes a bill gives it both; SPDX demands them.
    bill.serial = "00000000-0000-4000-8000-000000000000".to_owned();
    bill.created = "2026-01-01T00:00:00Z".to_owned();
    let (mut cyclonedx, mut spdx) = (Vec::new(), Vec::new());
    sbom::cyclonedx::write(&bill, &mut cyclonedx).expect("a bill that was read can be written");
    sbom::spdx::write(&bill, &mut spdx).expect("a bill that was read can be written");
    for written in [cyclonedx, spdx] {
        let again = sbom::read(&written).expect("what was written can be read");
        assert_eq!(again.components.len(), bill.components.len());
    }
}
