//! Layers that somebody made to do harm, and layers that chance made: none may do more than be refused.

use super::fixture::{Tar, gzip, zstd};
use super::{Compression, Contents, Limits, Refused, read};
use proptest::prelude::*;

/// Limits that a small test reaches.
fn small() -> Limits {
    Limits { compressed: 64 << 10, uncompressed: 256 << 10, entries: 50, path: 256, ratio: 1000 }
}

fn refusal(bytes: &[u8], compression: Compression, limits: &Limits) -> Refused {
    read(bytes, compression, limits).unwrap_err()
}

/// A layer with something of everything.
fn varied() -> Tar {
    Tar::default()
        .folder("var/lib/dpkg/", 0o755)
        .dpkg(&[("curl", "7.88.1-10"), ("bash", "5.2-3")])
        .file("usr/bin/su", 0o4755, [0x7f, b'E', b'L', b'F', 0, 1, 2, 3])
        .hard_link("usr/bin/sg", "usr/bin/su")
        .symlink("etc/os-release", "../usr/lib/os-release")
        .file("usr/lib/os-release", 0o644, "ID=debian\nVERSION_ID=12\n")
        .pax(&[("path", "a/very/long/path"), ("GNU.sparse.map", "0,4,4096,4"), ("GNU.sparse.size", "8192")])
        .entry(b'0', b"x", b"", 0o755, 8, b"12345678")
        .entry(b'L', b"././@LongLink", b"", 0o644, 5, b"a/b/c")
        .file("x", 0o666, "text")
        .file("opt/.wh..wh..opq", 0o644, "")
        .file("srv/.wh.gone", 0o644, "")
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let zeros = Tar::default().file("zeros", 0o644, vec![0; 80 << 20]).end();

    let why = refusal(&zstd(&zeros), Compression::Zstd, &Limits::default());
    assert!(matches!(why, Refused::Bomb { uncompressed, .. } if uncompressed < 68 << 20), "{why}");

    let limits = Limits { ratio: 100, ..Limits::default() };
    let why = refusal(&gzip(&zeros), Compression::Gzip, &limits);
    assert!(matches!(why, Refused::Bomb { .. }), "{why}");

    let limits = Limits { uncompressed: 1 << 20, ..Limits::default() };
    let why = refusal(&gzip(&zeros), Compression::Gzip, &limits);
    assert!(matches!(why, Refused::TooLarge(_)), "{why}");
}

#[test]
fn a_hole_that_is_looked_into_counts_as_unpacked() {
    let layer = Tar::default()
        .pax(&[("GNU.sparse.map", "0,1"), ("GNU.sparse.size", "900000000000")])
        .entry(b'0', b"holes", b"", 0o755, 1, b"x")
        .end();

    let why = refusal(&layer, Compression::None, &Limits::default());
    assert!(matches!(why, Refused::Bomb { .. } | Refused::TooLarge(_)), "{why}");
}

#[test]
fn sizes_that_are_claimed_but_not_there_take_no_memory() {
    let claims = |flag| Tar::default().entry(flag, b"var/lib/dpkg/status", b"", 0o644, 0o77_777_777_777, b"x");
    assert!(matches!(claims(b'0').read(), Err(Refused::Corrupt(_))));
    assert!(matches!(claims(b'x').read(), Err(Refused::TooLarge(_))));
    assert!(matches!(claims(b'L').read(), Err(Refused::TooLarge(_))));

    let why = refusal(&claims(b'0').end(), Compression::None, &small());
    assert!(matches!(why, Refused::TooLarge(_)), "{why}");
}

#[test]
fn too_many_entries_and_too_many_bytes_are_refused() {
    let many = (0..60).fold(Tar::default(), |tar, at| tar.file(&at.to_string(), 0o644, ""));
    assert_eq!(refusal(&many.end(), Compression::None, &small()), Refused::TooManyEntries);

    let large = Tar::default().file("large", 0o644, vec![1; 70 << 10]).end();
    assert!(matches!(refusal(&large, Compression::None, &small()), Refused::TooLarge(_)));
}

#[test]
fn a_zstd_frame_that_asks_for_all_memory_is_refused() {
    // A single segment of 2^40 bytes, and a window of 2^41.
    for start in [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0][..], &[0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8]] {
        let why = refusal(start, Compression::Zstd, &Limits::default());
        assert!(matches!(&why, Refused::Corrupt(why) if why.contains("memory")), "{why}");
    }
}

#[test]
fn paths_that_lead_astray_are_refused() {
    let dotted = Tar::default().file("a/../../etc/passwd", 0o644, "").read();
    let linked = Tar::default().file("a", 0o644, "").hard_link("b", "../../etc/passwd").read();
    let extended = Tar::default().pax(&[("path", "etc/pass\0wd")]).file("a", 0o644, "").read();
    let removed = Tar::default().file("etc/.wh...", 0o644, "").read();
    let rooted = Tar::default().file("./", 0o644, "").read();
    let long = Tar::default().pax(&[("path", &"a/".repeat(5000))]).file("a", 0o644, "").read();
    for tricked in [dotted, linked, extended, removed, rooted, long] {
        assert!(matches!(tricked, Err(Refused::PathTrick(_))), "{tricked:?}");
    }

    let elsewhere = Tar::default().symlink("a", "../../../etc/passwd").file("/absolute", 0o4755, "").read().unwrap();
    assert_eq!(elsewhere.privileged[0].path, "absolute");
}

#[test]
fn what_is_damaged_is_refused() {
    let whole = varied().end();
    let mut garbled = whole.clone();
    garbled[0] ^= 1;
    let garbage = [whole.as_slice(), b"more"].concat();
    let unknown = Tar::default().entry(b'Q', b"a", b"", 0o644, 0, b"").end();
    let cut = &whole[..700];
    for damaged in [&garbled[..], &garbage, &unknown, cut] {
        assert!(matches!(refusal(damaged, Compression::None, &Limits::default()), Refused::Corrupt(_)));
    }

    let packed = [gzip(&whole), b"more".to_vec()].concat();
    assert!(matches!(refusal(&packed, Compression::Gzip, &Limits::default()), Refused::Corrupt(_)));
    let packed = zstd(&whole);
    assert!(matches!(refusal(&packed[..packed.len() - 9], Compression::Zstd, &Limits::default()), Refused::Corrupt(_)));
    assert!(matches!(refusal(b"", Compression::Gzip, &Limits::default()), Refused::Corrupt(_)));
}

/// A stream that breaks off.
struct Broken;

impl std::io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the connection is gone"))
    }
}

#[test]
fn a_stream_that_breaks_is_told_from_a_layer_that_is_damaged() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let packed = match compression {
            Compression::None => varied().end(),
            Compression::Gzip => gzip(&varied().end()),
            Compression::Zstd => zstd(&varied().end()),
        };
        let start = &packed[..packed.len() / 2];
        let broken = std::io::Read::chain(start, Broken);
        let why = read(broken, compression, &Limits::default()).unwrap_err();
        assert_eq!(why, Refused::Io("the connection is gone".to_owned()), "{compression:?}");
    }
}

/// What is kept stays within what the limits say.
fn keeps_within(contents: &Contents, limits: &Limits) -> bool {
    let paths = contents.removed.iter().chain(&contents.opaque);
    contents.compressed <= limits.compressed
        && contents.uncompressed <= limits.uncompressed
        && contents.written.len() as u64 <= limits.entries
        && paths.into_iter().all(|path| path.len() <= limits.path * 4)
        && contents.written.is_sorted()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn mutated_layers_are_read_or_refused_within_the_limits(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
        compression in prop::sample::select(vec![Compression::None, Compression::Gzip, Compression::Zstd]),
        mend in any::<bool>(),
    ) {
        let mut bytes = varied().end();
        if compression != Compression::None && mend {
            change(&mut bytes, &changes, true);
        }
        let mut bytes = match compression {
            Compression::None => bytes,
            Compression::Gzip => gzip(&bytes),
            Compression::Zstd => zstd(&bytes),
        };
        if compression == Compression::None || !mend {
            change(&mut bytes, &changes, mend);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(contents) = read(bytes.as_slice(), compression, &small()) {
            prop_assert!(keeps_within(&contents, &small()));
            prop_assert_eq!(Contents::unpack(&contents.pack()).unwrap(), contents);
        }
    }

    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 1..2000)) {
        let why = read(noise.as_slice(), Compression::sniff(&noise), &small());
        prop_assert!(why.is_err() || noise.iter().take(512).all(|byte| *byte == 0));
    }
}

/// Changes bytes, and when asked makes the headers' checksums right again, so that the changes get further.
fn change(bytes: &mut [u8], changes: &[(prop::sample::Index, u8)], mend: bool) {
    for (at, to) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *to;
    }
    for header in bytes.chunks_exact_mut(512).filter(|header| mend && &header[257..262] == b"ustar") {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
}
