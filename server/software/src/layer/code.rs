//! Which files hold code: those that may be executed, that begin as programs and scripts do, or that are called as scripts
//! and archives of code are. They are hashed, so that lists of known bad files can be held against them at any later time.

/// Endings of scripts and of archives whose content something runs.
const ENDINGS: [&str; 38] = [
    "apk", "asp", "aspx", "bash", "bat", "cgi", "cjs", "class", "cmd", "com", "dll", "ear", "egg", "exe", "gem", "hta",
    "jar", "js", "jsp", "jspx", "ksh", "lua", "mjs", "nupkg", "php", "phtml", "pl", "ps1", "psm1", "py", "pyc", "rb",
    "sh", "vbs", "war", "wasm", "whl", "zsh",
];

/// How programs begin: ELF, PE, Mach-O of either order and width and for several machines, WebAssembly; and scripts.
const BEGINNINGS: [&[u8]; 9] = [
    b"\x7fELF",
    b"MZ",
    b"#!",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\0asm",
];

/// Whether a file holds code, by its mode, by how its content begins, or by its name.
pub(super) fn is_code(path: &str, mode: u32, beginning: &[u8]) -> bool {
    mode & 0o111 != 0 || BEGINNINGS.iter().any(|known| beginning.starts_with(known)) || is_called_so(path)
}

fn is_called_so(path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    ENDINGS.binary_search(&ending.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_by_mode_beginning_or_name() {
        assert!(is_code("usr/bin/tool", 0o755, b""));
        assert!(is_code("usr/lib/x86_64-linux-gnu/libc.so.6", 0o644, b"\x7fELF\x02"));
        assert!(is_code("tmp/.x", 0o600, b"#!/bin/sh\n"));
        assert!(is_code("app/WEB-INF/lib/Tool.JAR", 0o644, b"PK"));
        assert!(is_code("var/www/upload/a.php", 0o644, b"<?php"));
        for (path, beginning) in [("etc/passwd", &b"root:"[..]), ("app/.js", b""), ("app/data.json", b"{"), ("sh", b"")]
        {
            assert_eq!(is_code(path, 0o644, beginning), path == "app/.js", "{path}");
        }
    }

    #[test]
    fn endings_are_in_order_as_they_are_searched() {
        assert!(ENDINGS.is_sorted());
    }
}
