//! Values are put together here from parts and from a counter's noise, so that none stands in the source.

use super::verify::{base62, crc32};
use super::*;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8] = b"0123456789abcdef";

/// Letters that look random and are always the same.
fn noise(alphabet: &[u8], length: usize) -> String {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(alphabet[usize::try_from(state >> 40).unwrap() % alphabet.len()])
    };
    (0..length).map(|_| next()).collect()
}

fn bytes(length: usize) -> Vec<u8> {
    let all: Vec<u8> = (0..=255).collect();
    noise(&all, length).chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
}

/// Thirty letters and their check digits.
fn checked() -> String {
    let payload = noise(ALPHANUMERIC, 30);
    let digits = base62(crc32(payload.as_bytes()));
    format!("{payload}{}", String::from_utf8(digits.to_vec()).unwrap())
}

fn kinds(path: &str, text: &str) -> Vec<&'static str> {
    find(path, text.as_bytes()).iter().map(|secret| secret.kind).collect()
}

fn kinds_in_text(text: &str) -> Vec<&'static str> {
    find_in_text("env", text).iter().map(|secret| secret.kind).collect()
}

fn armoured(label: &str, bytes: &[u8], headers: &str) -> String {
    let body: Vec<String> =
        STANDARD.encode(bytes).as_bytes().chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{headers}{}\n-----END {label}-----\n", body.join("\n"))
}

/// A DER sequence of noise, as long as an RSA key.
fn sequence() -> Vec<u8> {
    [vec![0x30, 0x82, 0x04, 0x00], bytes(1_024)].concat()
}

fn openssh(cipher: &str) -> Vec<u8> {
    let length = u32::try_from(cipher.len()).unwrap().to_be_bytes();
    [b"openssh-key-v1\0".as_slice(), &length, cipher.as_bytes(), &bytes(300)].concat()
}

/// An RSA secret key packet with that protection.
fn pgp(protection: u8) -> Vec<u8> {
    let numbers = [vec![0x04, 0x00], bytes(128), vec![0x00, 0x11, 1, 0, 1]].concat();
    let packet = [vec![4, 1, 2, 3, 4, 1], numbers, vec![protection], bytes(300)].concat();
    [vec![0x95], u16::try_from(packet.len()).unwrap().to_be_bytes().to_vec(), packet].concat()
}

fn token(claims: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode(claims), noise(ALPHANUMERIC, 43))
}

#[test]
fn private_keys_are_found_and_weighed_by_their_protection() {
    for (label, bytes, headers, expected) in [
        ("RSA PRIVATE KEY", sequence(), "", "private_key"),
        ("EC PRIVATE KEY", sequence(), "", "private_key"),
        ("PRIVATE KEY", sequence(), "", "private_key"),
        ("OPENSSH PRIVATE KEY", openssh("none"), "", "private_key"),
        ("PGP PRIVATE KEY BLOCK", pgp(0), "Version: 1\n\n", "pgp_private_key"),
        ("ENCRYPTED PRIVATE KEY", sequence(), "", "encrypted_private_key"),
        ("OPENSSH PRIVATE KEY", openssh("aes256-ctr"), "", "encrypted_private_key"),
        ("PGP PRIVATE KEY BLOCK", pgp(254), "", "encrypted_private_key"),
        (
            "RSA PRIVATE KEY",
            bytes(1_200),
            "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n",
            "encrypted_private_key",
        ),
    ] {
        let secrets = find("root/key", armoured(label, &bytes, headers).as_bytes());
        let told: Vec<_> = secrets.iter().map(|secret| (secret.kind, secret.lesser)).collect();
        assert_eq!(told, [(expected, expected == "encrypted_private_key")], "{label}");
    }
}

#[test]
fn what_only_looks_like_a_key_is_none() {
    let key = armoured("RSA PRIVATE KEY", &sequence(), "");
    let cut = key.get(..key.len() / 2).unwrap();
    for text in [
        armoured("CERTIFICATE", &sequence(), ""),
        armoured("PUBLIC KEY", &sequence(), ""),
        armoured("RSA PRIVATE KEY", &bytes(1_200), ""),
        armoured("PRIVATE KEY", &[vec![0x30, 0x82, 0x04, 0x00], vec![0; 1_024]].concat(), ""),
        armoured("OPENSSH PRIVATE KEY", &bytes(300), ""),
        armoured("PGP PRIVATE KEY BLOCK", &bytes(300), ""),
        format!("if line == '{}-----BEGIN RSA PRIVATE KEY-----':", ""),
        format!("-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA {}-----", "PRIVATE KEY"),
        format!("{cut}-----END EC {}-----", "PRIVATE KEY"),
        cut.to_owned(),
    ] {
        assert_eq!(kinds("app/x", &text), [""; 0], "{text}");
    }
}

#[test]
fn a_key_is_the_same_however_it_is_written() {
    let plain = armoured("PRIVATE KEY", &sequence(), "");
    let escaped = plain.replace('\n', "\\n");
    let account = format!("{{\"type\": \"service_account\", \"private_key\": \"{escaped}\"}}");

    let from_plain = find("a", plain.as_bytes());
    let from_account = find("b.json", account.as_bytes());

    assert_eq!(from_plain[0].fingerprint, from_account[0].fingerprint);
    assert_eq!((from_plain[0].kind, from_account[0].kind), ("private_key", "google_service_account"));
}

#[test]
fn tokens_of_services_are_found() {
    for (prefix, body, expected) in [
        ("ghp_", checked(), "github_token"),
        ("ghs_", checked(), "github_token"),
        ("npm_", checked(), "npm_token"),
        ("github_pat_", format!("{}_{}", noise(ALPHANUMERIC, 22), noise(ALPHANUMERIC, 59)), "github_token"),
        ("glpat-", noise(ALPHANUMERIC, 20), "gitlab_token"),
        ("glpat-", format!("{}.01.{}", noise(ALPHANUMERIC, 30), noise(HEX, 9)), "gitlab_token"),
        ("xoxb-", format!("123456789012-123456789012-{}", noise(ALPHANUMERIC, 24)), "slack_token"),
        ("sk_live_", noise(ALPHANUMERIC, 24), "stripe_key"),
        ("AIza", noise(ALPHANUMERIC, 35), "google_api_key"),
        ("SG.", format!("{}.{}", noise(ALPHANUMERIC, 22), noise(ALPHANUMERIC, 43)), "sendgrid_key"),
        ("pypi-AgEIcHlwaS5vcmc", noise(ALPHANUMERIC, 157), "pypi_token"),
        ("hooks.slack.com/services/T", format!("ABCDEFGH/BABCDEFGH/{}", noise(ALPHANUMERIC, 24)), "slack_webhook"),
        ("dop_v1_", noise(HEX, 64), "digitalocean_token"),
        ("sk-ant-api03-", format!("{}AA", noise(ALPHANUMERIC, 93)), "anthropic_key"),
        ("sk-proj-", format!("{}T3BlbkFJ{}", noise(ALPHANUMERIC, 40), noise(ALPHANUMERIC, 40)), "openai_key"),
    ] {
        for text in [format!("{prefix}{body}"), format!("X = \"{prefix}{body}\"\n"), format!("a\\n{prefix}{body} b")] {
            let secrets = find("app/x", text.as_bytes());
            let told: Vec<_> = secrets.iter().map(|secret| (secret.kind, text.get(secret.start..secret.end))).collect();
            assert_eq!(told, [(expected, Some(format!("{prefix}{body}").as_str()))], "{text}");
        }
    }
}

#[test]
fn keys_that_are_shipped_on_purpose_weigh_less() {
    let weights = |text: String| find("app/x", text.as_bytes()).iter().map(|secret| secret.lesser).collect::<Vec<_>>();

    assert_eq!(weights(format!("AIza{}", noise(ALPHANUMERIC, 35))), [true]);
    assert_eq!(weights(format!("sk_live_{}", noise(ALPHANUMERIC, 24))), [false]);
}

#[test]
fn tokens_with_wrong_check_digits_lengths_or_neighbours_are_none() {
    let wrong = format!("{}{}", noise(ALPHANUMERIC, 30), "000000");
    for text in [
        format!("ghp_{wrong}"),
        format!("npm_{wrong}"),
        format!("ghp_{}a", checked()),
        format!("aghp_{}", checked()),
        "npm_config_registry_and_some_more_letters".to_owned(),
        format!("glpat-{}", "x".repeat(20)),
        format!("glpat-{}", noise(ALPHANUMERIC, 19)),
        format!("sk_test_{}", noise(ALPHANUMERIC, 24)),
        format!("sk_live_{}", "a".repeat(24)),
        "xoxb-your-token-goes-here".to_owned(),
        format!("AIza{}", "SyExample-key-for-documentation-only"),
        format!("SG.{}", noise(ALPHANUMERIC, 65)),
        format!("hf_{}", "some_function_name_of_a_good_length"),
    ] {
        assert_eq!(kinds("app/x", &text), [""; 0], "{text}");
    }
}

#[test]
fn an_age_key_is_told_by_its_check_digits() {
    const LETTERS: &[u8] = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
    let data = noise(LETTERS, 52);
    let value = |letter: u8| u32::try_from(LETTERS.iter().position(|one| *one == letter).unwrap()).unwrap();
    let prefix = "age-secret-key-";
    let head = prefix
        .bytes()
        .map(|byte| u32::from(byte >> 5))
        .chain([0])
        .chain(prefix.bytes().map(|byte| u32::from(byte & 31)));
    let sum = token::polymod(head.chain(data.bytes().map(value)).chain([0; 6])) ^ 1;
    let digits: String = (0..6).map(|at| char::from(LETTERS[(sum >> (5 * (5 - at)) & 31) as usize])).collect();

    assert_eq!(kinds("a", &format!("AGE-SECRET-KEY-1{data}{digits}")), ["age_key"]);
    assert_eq!(kinds("a", &format!("AGE-SECRET-KEY-1{data}QQQQQQ")), [""; 0]);
}

#[test]
fn an_aws_secret_is_told_by_its_name_or_by_the_id_beside_it() {
    let (id, secret) = (format!("AKIA{}", noise(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)), noise(ALPHANUMERIC, 40));
    for text in [
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"),
        format!("AWS_SECRET_ACCESS_KEY={secret}"),
        format!("{{\"SecretAccessKey\": \"{secret}\"}}"),
        format!("{id},{secret}\n"),
        format!("secret: {secret}\nid: {id}\n"),
    ] {
        let secrets = find("root/.aws/credentials", text.as_bytes());
        let told: Vec<_> = secrets.iter().map(|one| (one.kind, text.get(one.start..one.end))).collect();
        assert_eq!(told, [("aws_access_key", Some(secret.as_str()))], "{text}");
    }
}

#[test]
fn an_aws_id_alone_a_hash_beside_it_or_the_documented_example_is_none() {
    let id = format!("AKIA{}", noise(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16));
    let example = format!("wJalrXUtnFEMI/K7MDENG/bPxRfiCY{}KEY", "EXAMPLE");
    for text in [
        id.clone(),
        format!("{id} commit {}", noise(HEX, 40)),
        format!("{id} something else: {}", noise(ALPHANUMERIC, 40)),
        format!("aws_access_key_id=AKIAIOSFODNN7{}\naws_secret_access_key={example}", "EXAMPLE"),
        format!("aws_secret_access_key={}", noise(ALPHANUMERIC, 41)),
        "aws_secret_access_key=os.environ".to_owned(),
    ] {
        assert_eq!(kinds("app/x", &text), [""; 0], "{text}");
    }
}

#[test]
fn credentials_of_clouds_clusters_and_registries_are_found() {
    let basic = STANDARD.encode(format!("robot:{}", noise(ALPHANUMERIC, 20)));
    let storage = STANDARD.encode(bytes(64));
    let key = STANDARD.encode(armoured("RSA PRIVATE KEY", &sequence(), ""));
    let secret = noise(ALPHANUMERIC, 24);
    for (path, text, expected) in [
        (
            "root/.docker/config.json",
            format!("{{\"auths\": {{\"r.example\": {{\"auth\": \"{basic}\"}}}}}}"),
            "registry_password",
        ),
        (
            "a",
            format!("DefaultEndpointsProtocol=https;AccountName=x;AccountKey={storage};EndpointSuffix=y"),
            "azure_storage_key",
        ),
        (
            "a",
            format!("SharedAccessKeyName=x;SharedAccessKey={}", STANDARD.encode(bytes(32))),
            "azure_shared_access_key",
        ),
        ("root/.kube/config", format!("users:\n- user:\n    client-key-data: {key}\n"), "kubernetes_client_key"),
        (
            "root/.kube/config",
            format!("kind: Config\nclusters: []\nusers:\n- user:\n    token: {secret}\n"),
            "kubernetes_token",
        ),
        ("root/.npmrc", format!("//registry.example/:_authToken={secret}\n"), "npm_token"),
        ("root/.npmrc", format!("//registry.example/:_auth={basic}\n"), "npm_password"),
        ("a", format!("TWILIO_AUTH_TOKEN={}", noise(HEX, 32)), "twilio_token"),
        ("a", format!("x: abc8Q~{}", noise(ALPHANUMERIC, 34)), "azure_client_secret"),
    ] {
        assert_eq!(kinds(path, &text), [expected], "{text}");
    }
}

#[test]
fn references_and_empty_settings_are_none() {
    let emulator = format!("Eby8vdM02xNOcqFl{}Uw==", "q".repeat(70));
    for (path, text) in [
        ("root/.npmrc", "//registry.example/:_authToken=${NPM_TOKEN}\n".to_owned()),
        ("a", "{\"auth\": \"basic\", \"auths\": 1}".to_owned()),
        ("a", format!("{{\"auth\": \"{}\"}}", STANDARD.encode("robot:something1"))),
        ("a", "token: somethingLong123456789x".to_owned()),
        ("a", format!("AccountKey={emulator}")),
        ("a", "client-key-data: REDACTED".to_owned()),
        ("a", "TWILIO_AUTH_TOKEN=your_auth_token".to_owned()),
    ] {
        assert_eq!(kinds(path, &text), [""; 0], "{text}");
    }
}

#[test]
fn signed_tokens_are_found_and_weigh_less() {
    let secrets =
        find("app/x", format!("Bearer {}", token(r#"{"sub":"robot","iss":"https://issuer.example"}"#)).as_bytes());
    assert_eq!(secrets.iter().map(|secret| (secret.kind, secret.lesser)).collect::<Vec<_>>(), [("jwt", true)]);

    let documented = token(r#"{"sub":"1234567890","name":"x"}"#);
    let unsigned = token(r#"{"sub":"robot"}"#);
    let unsigned = unsigned.rsplit_once('.').unwrap().0;
    for text in [documented.as_str(), unsigned, "eyJ2ZXJzaW9uIjozfQ==", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(kinds("app/x", text), [""; 0], "{text}");
    }
}

#[test]
fn files_of_passwords_are_read() {
    let hash = format!("$6${}${}", noise(ALPHANUMERIC, 16), noise(ALPHANUMERIC, 86));
    let password = noise(ALPHANUMERIC, 12);
    for (path, text, expected) in [
        ("etc/shadow", format!("root:{hash}:19000:0:99999:7:::\n"), Some("password_hash")),
        ("etc/shadow", format!("root:!{hash}:19000:0:99999:7:::\nx:*:1::::::\ny:!:1::::::\nz::1::::::\n"), None),
        ("etc/shadow.txt", format!("root:{hash}:19000:0:99999:7:::\n"), None),
        ("etc/nginx/.htpasswd", "robot:$apr1$abcdefgh$abcdefghijklmnopqrstuv\n".to_owned(), Some("password_hash")),
        ("root/.netrc", format!("machine x.example login robot password {password}\n"), Some("password")),
        ("root/.netrc", "machine x.example login robot password ${PASSWORD}\n".to_owned(), None),
        ("root/.git-credentials", format!("https://robot:{password}@git.example\n"), Some("password")),
        ("root/.pgpass", format!("# a comment\ndb.example:5432:*:robot:{password}\n"), Some("password")),
    ] {
        assert_eq!(kinds(path, &text).first().copied(), expected, "{text}");
    }
}

#[test]
fn settings_are_told_by_their_names() {
    let password = noise(ALPHANUMERIC, 14);
    let key = noise(ALPHANUMERIC, 32);
    for (text, expected) in [
        (format!("DB_PASSWORD={password}"), "password"),
        (format!("RUN mysql --password={password} x"), "password"),
        (format!("RUN tool --password {password} x"), "password"),
        (format!("{{\"apiKey\": \"{key}\"}}"), "secret_value"),
        (format!("DATABASE_URL=postgres://robot:{password}@db.example/app"), "url_password"),
        (format!("SECRET_KEY_BASE={key}"), "secret_value"),
    ] {
        assert_eq!(kinds_in_text(&text), [expected], "{text}");
    }
}

#[test]
fn settings_that_hold_nothing_secret_are_none() {
    for text in [
        "PASSWORD=changeme",
        "PASSWORD=",
        "PASSWORD=password",
        "DB_PASSWORD=postgres",
        "DB_PASSWORD=${DB_PASSWORD}",
        "DB_PASSWORD_FILE=/run/secrets/db_password1",
        "DB_PASSWORD=/run/secrets/db_password1",
        "DB_PASSWORD=<your password 1>",
        "GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568",
        "PYTHON_SHA256=aa0f1c2d3e4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1",
        "TOKEN_URL=https://login.example/oauth2/token",
        "SECRET_NAME=app-database-1",
        "TOKEN=true",
        "PASSWORD=12345678",
        "API_KEY=my.config.api_key.value",
        "token: string; password: string",
        "postgres://postgres:postgres@db/app",
        "https://example.org/a:b@c",
        "curl https://x.example/~user@host",
        "PATH=/usr/bin:/bin",
        "KEYBOARD=de-latin1-nodeadkeys9",
        "NPM_TOKEN=$(cat /run/secrets/npm)",
        "--password-stdin < file1234",
        "SSH_PRIVATE_KEY=./id_rsa_production1",
    ] {
        assert_eq!(kinds_in_text(text), [""; 0], "{text}");
    }
}

#[test]
fn names_decide_in_settings_and_not_in_code() {
    let text = format!("password = \"{}\"", noise(ALPHANUMERIC, 14));

    assert_eq!(kinds_in_text(&text), ["password"]);
    assert_eq!(kinds("app/.env", &text), ["password"]);
    assert_eq!(kinds("app/main.py", &text), [""; 0]);
}

#[test]
fn a_secret_says_where_it_is_and_never_what() {
    let value = format!("ghp_{}", checked());
    let text = format!("one\ntwo {value}\n{value}\n");

    let secrets = find("app/tests/x", text.as_bytes());

    assert_eq!(secrets.iter().map(|secret| secret.line).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(secrets[0].fingerprint, secrets[1].fingerprint);
    assert_eq!(secrets[0].fingerprint.len(), 32);
    assert!(secrets[0].test && !find("app/x", text.as_bytes())[0].test);
    assert!(!format!("{secrets:?}").contains(value.get(4..12).unwrap()));
}

#[test]
fn redaction_takes_every_secret_out_and_leaves_the_rest() {
    let (password, value) = (noise(ALPHANUMERIC, 14), format!("ghp_{}", checked()));
    let text = format!("é DB_PASSWORD={password} X=1 TOKEN=\"Bearer {value}\" https://a:{password}@b.example ü");

    let redacted = redact(&text);

    assert!(!redacted.contains(&password) && !redacted.contains(&value), "{redacted}");
    assert!(redacted.starts_with("é DB_PASSWORD=[redacted] X=1 TOKEN="), "{redacted}");
    assert!(redacted.ends_with("@b.example ü"), "{redacted}");
    assert_eq!(redact("PATH=/usr/bin nothing here"), "PATH=/usr/bin nothing here");
}

#[test]
fn binary_files_are_passed_over() {
    let value = format!("ghp_{}", checked());

    assert_eq!(find("a", format!("x\0{value}").as_bytes()), []);
    assert_eq!(find("a", format!("x {value}").as_bytes()).len(), 1);
}

#[test]
fn hostile_files_take_no_longer_than_their_size_allows() {
    let started = std::time::Instant::now();
    for part in [
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "PuTTY-User-Key-File-3: x\nEncryption: none\nPrivate-Lines: 1\n",
        "AKIA234567ABCDEFGHIJ ",
        "\"auth\": \"auths",
        "token: ",
        "eyJhIjoxfQ.",
        " eyJ",
        "SG.a",
        "password=",
        "://",
        ":://a:b@",
        "secret_",
        "T3BlbkFJ",
        "aws_secret_access_key=a+",
    ] {
        let text = part.repeat(50_000 / part.len());
        let _ = find(".env", text.as_bytes());
        let _ = redact(&text);
    }
    // Anything quadratic would take far longer, even unoptimized.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn not_more_are_told_than_anyone_reads() {
    let value = format!("ghp_{} ", checked());

    assert_eq!(find("a", value.repeat(MOST + 10).as_bytes()).len(), MOST);
    assert!(!redact(&value.repeat(MOST + 10)).contains("ghp_"));
}

proptest! {
    #[test]
    fn any_text_is_searched_and_redacted(text in "(password=|-----BEGIN |AKIA|eyJ|\"auth\"|://|ghp_|[ -~é\n]{0,12}){0,12}") {
        for secret in find(".env", text.as_bytes()) {
            prop_assert!(secret.start < secret.end && secret.end <= text.len());
        }
        let _ = redact(&text);
        let _ = find_in_text("env", &text);
    }

    #[test]
    fn any_bytes_are_searched(bytes in proptest::collection::vec(any::<u8>(), 0..300), name in "(etc/shadow|a.jks|.netrc|.env|a)") {
        for secret in find(&name, &bytes) {
            prop_assert!(secret.start < secret.end && secret.end <= bytes.len());
        }
    }
}
