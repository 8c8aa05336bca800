"""Invented advisories on what is really in the images, in the shapes in which the real ones are published.

Under `first/` and `later/`, so that there is a change to take in; `kev.json` and `epss.csv` beside them. None of these
flaws exists: their numbers lie outside those that are given out.
"""

import json

HIGH = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"
MEDIUM = "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:N/A:N"
LOW = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"
CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"

DEBIAN = "Debian:12"


def advisory(number, ecosystem, name, vector, introduced="0", fixed=None, modified="2026-10-01T00:00:00Z", **more):
    """PLUM-2026-000N, which is CVE-2026-9000N unless `flaw` says another."""
    flaw = more.pop("flaw", number)
    events = [{"introduced": introduced}] + ([{"fixed": fixed}] if fixed else [])
    kind = "SEMVER" if ecosystem == "npm" else "ECOSYSTEM"
    return {
        "schema_version": "1.6.0",
        "id": f"PLUM-2026-{number:04}",
        "modified": modified,
        "published": "2026-09-01T00:00:00Z",
        "aliases": [f"CVE-2026-{90000 + flaw}"],
        "summary": f"An invented flaw of {name}",
        "details": "Made for Plumbline's own tests and its demonstration. The package has no such flaw.",
        "severity": [{"type": "CVSS_V3", "score": vector}],
        "affected": [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": kind, "events": events}]}],
        "references": [{"type": "ADVISORY", "url": f"https://advisories.example/PLUM-2026-{number:04}"}],
        **more,
    }


def first(version):
    """`version` gives the version of a Debian source package in the older base."""
    return [
        advisory(1, DEBIAN, "less", HIGH, fixed=version("less") + "+fixed1"),
        # Its binary packages have other names, and some another version.
        advisory(2, DEBIAN, "util-linux", HIGH),
        advisory(3, "PyPI", "urllib3", MEDIUM, fixed="1.26.18"),
        # The same flaw, told of by another database.
        advisory(13, "PyPI", "urllib3", MEDIUM, fixed="1.26.18", flaw=3),
        advisory(4, "npm", "minimist", CRITICAL, fixed="1.2.6"),
        advisory(5, DEBIAN, "ncurses", LOW, fixed=version("ncurses") + "+fixed1"),
        # What follows concerns none of the images: mended already, of another release, withdrawn, of a later version,
        # of another ecosystem's package of the same name.
        advisory(6, DEBIAN, "bash", CRITICAL, fixed=version("bash")),
        advisory(7, "Debian:11", "tar", CRITICAL),
        advisory(8, DEBIAN, "tar", CRITICAL, withdrawn="2026-09-15T00:00:00Z"),
        advisory(9, "PyPI", "idna", HIGH, introduced="3.0", fixed="3.7"),
        advisory(10, "npm", "requests", HIGH),
    ]


def later(version):
    """A month on: urllib3's turns out to have been mended before the version that is installed, ncurses' is withdrawn,
    and there is a new one."""
    now = {"modified": "2026-11-01T00:00:00Z"}
    withdrawn = {"withdrawn": "2026-11-01T00:00:00Z", **now}
    changed = [
        advisory(3, "PyPI", "urllib3", MEDIUM, fixed="1.26.5", **now),
        advisory(13, "PyPI", "urllib3", MEDIUM, fixed="1.26.5", flaw=3, **now),
        advisory(5, DEBIAN, "ncurses", LOW, fixed=version("ncurses") + "+fixed1", **withdrawn),
    ]
    ids = {one["id"] for one in changed}
    kept = [one for one in first(version) if one["id"] not in ids]
    return kept + changed + [advisory(11, "npm", "mkdirp", HIGH, fixed="0.5.6", **now)]


def exploited(flaw, name):
    return {
        "cveID": flaw,
        "vendorProject": "Example",
        "product": name,
        "vulnerabilityName": f"An invented flaw of {name}",
        "dateAdded": "2026-09-10",
        "shortDescription": "Made for Plumbline's own tests and its demonstration.",
        "requiredAction": "Upgrade.",
        "dueDate": "2026-10-01",
        "knownRansomwareCampaignUse": "Known",
        "notes": "",
        "cwes": [],
    }


def catalogue(all_exploited):
    return {
        "title": "Invented catalogue of exploited flaws",
        "catalogVersion": "2026.10.02",
        "dateReleased": "2026-10-02T12:00:00.000Z",
        "count": len(all_exploited),
        "vulnerabilities": all_exploited,
    }


def forecasts():
    chances = [("90001", "0.91000", "0.99100"), ("90002", "0.00210", "0.41000"), ("90004", "0.10500", "0.93000")]
    lines = ["#model_version:v2026.01.01,score_date:2026-10-02T00:00:00+0000", "cve,epss,percentile"]
    return "\n".join(lines + [f"CVE-2026-{number},{chance},{rank}" for number, chance, rank in chances]) + "\n"


def write(folder, packages):
    """`packages`: name, version, architecture, source and its version of each, as dpkg-query tells them."""
    versions = {source: version for *_, source, version in packages}
    for name, advisories in (("first", first), ("later", later)):
        at = folder / name
        at.mkdir(parents=True)
        for one in advisories(versions.__getitem__):
            (at / f"{one['id']}.json").write_text(json.dumps(one, indent=1))
    (folder / "kev.json").write_text(json.dumps(catalogue([exploited("CVE-2026-90001", "less")]), indent=1))
    # The catalogue a week later, when one more flaw is known to be exploited.
    (folder / "kev-later.json").write_text(
        json.dumps(catalogue([exploited("CVE-2026-90001", "less"), exploited("CVE-2026-90004", "minimist")]), indent=1)
    )
    (folder / "epss.csv").write_text(forecasts())
