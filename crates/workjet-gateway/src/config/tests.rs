//! What the file may say, and what it may not.

use super::*;

fn ok(text: &str) -> Config {
    Config::from_toml(text, "workjet.toml").expect("a valid configuration")
}

fn refused(text: &str) -> (usize, String) {
    let error = Config::from_toml(text, "workjet.toml").expect_err("must be refused");
    assert_eq!(
        error.to_string(),
        format!("workjet.toml:{}: {}", error.line, error.reason)
    );
    (error.line, error.reason)
}

const FULL: &str = r#"
listen = "127.0.0.1:8787"
data   = "workjet-data"
max_body = "32MiB"

[tls]
mode = "self-signed"

[[provider]]
name = "openai"
kind = "openai"
base_url = "https://api.openai.com/v1"
api_key = { env = "OPENAI_API_KEY" }

[[provider]]
name = "ollama"
kind = "ollama"

[[tier]]
name = "fast"
targets = ["openai:gpt-5-mini", "ollama:llama3.2:3b"]

[alias]
"gpt-5" = "fast"
"claude-haiku" = "ollama:llama3.2:3b"

[dlp]
unscannable = "allow"
[dlp.request]
credit_card = "redact"
us_ssn = "block"
[dlp.response]
credit_card = "warn"
[[dlp.custom]]
name = "employee_id"
pattern = 'EMP-[0-9]{6}'
request = "block"
response = "redact"

[limits.user]
requests = 60
per = "1m"
burst = 20

[metrics]
token = { file = "metrics.token" }

[timeouts]
connect = "500ms"
request = "1h"
"#;

#[test]
fn the_documented_file_is_read_as_documented() {
    let config = ok(FULL);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(config.max_body_bytes, 32 * 1024 * 1024);
    assert_eq!(config.tls, Tls::SelfSigned { names: vec![] });
    assert_eq!(
        config.providers[0].api_key,
        Some(SecretSource::Env("OPENAI_API_KEY".into()))
    );
    assert_eq!(config.providers[1].base_url, "http://127.0.0.1:11434");
    let targets: Vec<String> = config.tiers[0].targets.iter().map(ToString::to_string).collect();
    assert_eq!(targets, ["openai:gpt-5-mini", "ollama:llama3.2:3b"]);
    assert_eq!(config.aliases["gpt-5"], "fast");
    assert_eq!(config.dlp.unscannable, Unscannable::Allow);
    let quota = config.user_requests.expect("a limit");
    assert_eq!(
        (quota.limit.get(), quota.per, quota.burst.get()),
        (60, Duration::from_secs(60), 20)
    );
    assert_eq!(
        config.metrics_token,
        Some(SecretSource::File("metrics.token".into()))
    );
    assert_eq!(config.timeouts.connect, Duration::from_millis(500));
    assert_eq!(config.timeouts.request, Duration::from_secs(3600));
    assert!(!config.is_demo());
}

#[test]
fn the_documented_policy_acts_as_documented() {
    use workjet_dlp::{Action, Detector};
    let dlp = ok(FULL).dlp;
    assert_eq!(dlp.request.action(&Detector::US_SSN), Action::Block);
    assert_eq!(dlp.response.action(&Detector::CREDIT_CARD), Action::Warn);
    assert_eq!(
        dlp.response.action(&Detector::EMAIL),
        Action::Redact,
        "what the file does not mention redacts"
    );
    let text = "badge EMP-123456 here";
    assert!(dlp.engine.redact(text, &dlp.request).blocked.is_some());
    assert_eq!(
        dlp.engine.redact(text, &dlp.response).text,
        "badge [REDACTED:employee_id] here"
    );
}

#[test]
fn an_empty_file_is_the_demo_provider_and_six_detectors() {
    let config = ok("");
    assert!(config.is_demo());
    assert_eq!(config.listen.to_string(), "127.0.0.1:8787");
    let card = "4111 1111 1111 1111";
    assert_eq!(
        config.dlp.engine.redact(card, &config.dlp.request).text,
        "[REDACTED:credit_card]"
    );
    assert_eq!(config.user_requests, None);
}

#[test]
fn a_misspelt_field_is_refused_with_its_line() {
    for (text, line, word) in [
        ("listen = \"127.0.0.1:1\"\nlisten_on = \"x\"\n", 2, "listen_on"),
        (
            "[dlp]\n\n[dlp.requests]\ncredit_card = \"redact\"\n",
            3,
            "requests",
        ),
        ("[tls]\nmodus = \"off\"\n", 2, "modus"),
        ("[limits.user]\nrequests = 1\nburts = 2\n", 3, "burts"),
        (
            "[[provider]]\nname = \"a\"\nkind = \"demo\"\napikey = 1\n",
            4,
            "apikey",
        ),
    ] {
        let (at, reason) = refused(text);
        assert_eq!(at, line, "{text}: {reason}");
        assert!(reason.contains(word), "{reason}");
    }
}

#[test]
fn what_cannot_be_honoured_is_refused_with_its_line() {
    let provider = "[[provider]]\nname = \"o\"\nkind = \"ollama\"\n";
    for (text, line, words) in [
        ("listen = 3\n".into(), 1, "string"),
        ("listen = \"nowhere\"\n".into(), 1, "host:port"),
        ("max_body = \"32 apples\"\n".into(), 1, "32MiB"),
        ("max_body = \"0B\"\n".into(), 1, "more than nothing"),
        ("# first\n[tls]\nmode = \"tls12\"\n".into(), 3, "self-signed"),
        ("[tls]\nmode = \"files\"\ncert = \"a\"\n".into(), 1, "`key`"),
        (
            "[tls]\nmode = \"self-signed\"\ncert = \"a\"\n".into(),
            1,
            "`cert`",
        ),
        (
            "listen = \"0.0.0.0:1\"\n[tls]\nmode = \"off\"\n".into(),
            2,
            "loopback",
        ),
        ("listen = \"0.0.0.0:1\"\n".into(), 1, "names"),
        (
            format!("{provider}[[tier]]\nname = \"t\"\ntargets = [\n\"o:m\",\n\"x:m\"]\n"),
            8,
            "\"x\"",
        ),
        (
            format!("{provider}[[tier]]\nname = \"t\"\ntargets = []\n"),
            6,
            "no targets",
        ),
        (
            format!("{provider}[[tier]]\nname = \"t\"\ntargets = [\"o:m\",\n \"o:m\"]\n"),
            7,
            "twice",
        ),
        (
            format!("{provider}[[tier]]\nname = \"t\"\ntargets = [\"o\"]\n"),
            6,
            "provider:model",
        ),
        (format!("{provider}[alias]\na = \"b\"\n"), 5, "neither"),
        (format!("{provider}{provider}"), 5, "already"),
        ("[[provider]]\nname = \"a:b\"\nkind = \"demo\"\n".into(), 2, "a-z"),
        (
            "[[provider]]\nname = \"a\"\nkind = \"azure\"\n".into(),
            3,
            "openai",
        ),
        (
            "[[provider]]\nname = \"a\"\nkind = \"openai\"\n".into(),
            1,
            "needs a key",
        ),
        ("[dlp.request]\nshoe_size = \"redact\"\n".into(), 2, "credit_card"),
        ("[dlp.request]\nemail = \"shout\"\n".into(), 2, "\"warn\""),
        ("[dlp]\nunscannable = \"maybe\"\n".into(), 2, "allow"),
        ("[dlp]\npacks = [\n\"heath\"]\n".into(), 3, "\"health\""),
        ("[dlp]\npacks = [\"health\",\n\"health\"]\n".into(), 3, "twice"),
        ("[dlp]\npacks = \"health\"\n".into(), 2, "a list"),
        (
            "[dlp.request]\niban = \"redact\"\n".into(),
            2,
            "packs = [\"european\"]",
        ),
        (
            "[dlp]\npacks = [\"european\"]\n[dlp.response]\nus_npi = \"off\"\n".into(),
            4,
            "packs = [\"health\"]",
        ),
        ("[dlp.response]\nemail = \"tokenize\"\n".into(), 2, "for requests"),
        (
            "[[dlp.custom]]\nname = \"a\"\npattern = 'x'\nresponse = \"tokenize\"\n".into(),
            4,
            "for requests",
        ),
        (
            "[dlp]\npacks = [\"european\"]\n[[dlp.custom]]\nname = \"iban\"\npattern = 'x'\n".into(),
            4,
            "already",
        ),
        ("[[dlp.allow]]\ndetector = \"email\"\n".into(), 1, "`suffix`"),
        (
            "[[dlp.allow]]\nexact = \"a\"\nprefix = \"b\"\n".into(),
            1,
            "one of",
        ),
        ("[[dlp.allow]]\nsuffix = \"\"\n".into(), 2, "say what"),
        (
            "[[dlp.allow]]\nsuffix = \"@a.example\"\ndetector = \"mail\"\n".into(),
            3,
            "email",
        ),
        (
            "[[dlp.allow]]\nexact = \"a\"\ndetector = \"iban\"\n".into(),
            3,
            "packs = [\"european\"]",
        ),
        ("[[dlp.allow]]\nregex = \"a\"\n".into(), 2, "regex"),
        ("[[dlp.custom]]\nname = \"a\"\npattern = '('\n".into(), 3, ""),
        (
            "[[dlp.custom]]\nname = \"email\"\npattern = 'x'\n".into(),
            2,
            "already",
        ),
        ("[limits.user]\nrequests = 0\n".into(), 2, "at least 1"),
        (
            "[limits.user]\nrequests = 1\nper = \"1 fortnight\"\n".into(),
            3,
            "1m",
        ),
        (
            "[metrics]\ntoken = { env = \"A\", file = \"b\" }\n".into(),
            2,
            "env",
        ),
    ] {
        let (at, reason) = refused(&text);
        assert_eq!(at, line, "{text}: {reason}");
        assert!(reason.contains(words), "{text}: {reason}");
    }
}

#[test]
fn packs_are_off_until_the_file_names_them() {
    let iban = "GB82 WEST 1234 5698 7654 32";
    let finds = |text: &str| ok(text).dlp.engine.find_iter(iban).count();
    assert_eq!(finds(""), 0);
    assert_eq!(finds("[dlp]\npacks = [\"health\"]\n"), 0);
    assert_eq!(finds("[dlp]\npacks = [\"health\", \"european\"]\n"), 1);
    let dlp = ok("[dlp]\npacks = [\"european\"]\n[dlp.request]\niban = \"block\"\n").dlp;
    assert!(dlp.engine.redact(iban, &dlp.request).blocked.is_some());
    assert_eq!(dlp.engine.redact(iban, &dlp.response).text, "[REDACTED:iban]");
}

#[test]
fn what_is_allowed_passes_and_nothing_else() {
    let dlp = ok(r#"
[[dlp.custom]]
name = "ticket"
pattern = 'T-[0-9]{4}'
[[dlp.allow]]
suffix = "@example.com"
detector = "email"
[[dlp.allow]]
prefix = "T-0"
detector = "ticket"
[[dlp.allow]]
exact = "212-555-0123"
"#)
    .dlp;
    let text = "help@example.com, T-0001 and 212-555-0123, but bob@example.org, T-1001 and 212-555-0124";
    assert_eq!(
        dlp.engine.redact(text, &dlp.request).text,
        "help@example.com, T-0001 and 212-555-0123, but [REDACTED:email], [REDACTED:ticket] and [REDACTED:phone]"
    );
}

#[test]
fn every_action_has_its_name() {
    use workjet_dlp::{Action, Detector};
    for (name, action) in [
        ("redact", Action::Redact),
        ("mask", Action::Mask),
        ("hash", Action::Hash),
        ("tokenize", Action::Tokenize),
        ("block", Action::Block),
        ("warn", Action::Warn),
        ("off", Action::Off),
    ] {
        let dlp = ok(&format!("[dlp.request]\nemail = \"{name}\"\n")).dlp;
        assert_eq!(dlp.request.action(&Detector::EMAIL), action);
        assert_eq!(dlp.response.action(&Detector::EMAIL), Action::Redact);
    }
}

#[test]
fn allowed_value_is_never_repeated() {
    for text in [
        "[[dlp.allow]]\nexact = \"canary\"\nsuffix = \"canary\"\n",
        "[[dlp.allow]]\nexact = \"canary\"\ndetector = \"nobody\"\n",
        "[[dlp.allow]]\nexact = [\"canary\"]\n",
    ] {
        let (_, reason) = refused(text);
        assert!(!reason.contains("canary"), "{reason}");
    }
}

#[test]
fn base_url_that_does_not_parse_is_not_repeated() {
    for url in [
        "https://ada:hunter2@host:port",
        "https://ada:hunter2@[::1",
        "//ada:hunter2@host",
    ] {
        let file = format!("[[provider]]\nname = \"o\"\nkind = \"ollama\"\nbase_url = \"{url}\"\n");
        let error = Config::from_toml(&file, "workjet.toml")
            .expect_err(url)
            .to_string();
        assert!(
            error.starts_with("workjet.toml:4: base_url is no URL: "),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn unencrypted_providers_must_be_near() {
    let with = |url: &str| format!("[[provider]]\nname = \"o\"\nkind = \"ollama\"\nbase_url = \"{url}\"\n");
    for near in [
        "http://127.0.0.1:11434",
        "http://[::1]:1/",
        "http://10.1.2.3",
        "http://192.168.0.9/x",
        "http://localhost:1",
    ] {
        ok(&with(near));
    }
    for far in [
        "http://api.example/v1",
        "http://8.8.8.8",
        "http://169.254.169.254",
        "http://127.0.0.1.example",
        "http://user:pw@127.0.0.1",
        "ftp://127.0.0.1",
        "https://api.example/v1?x=1",
        "https://api.example/v1#x",
        "127.0.0.1",
    ] {
        assert_eq!(refused(&with(far)).0, 4, "{far}");
    }
}

#[test]
fn a_policy_file_may_be_a_whole_configuration_or_the_inside_of_its_table() {
    let card = "4111 1111 1111 1111";
    for text in [
        FULL.to_owned(),
        "request.credit_card = \"redact\"\n".into(),
        String::new(),
    ] {
        let dlp = Dlp::from_toml(&text, "p.toml").expect("a valid policy");
        assert_eq!(
            dlp.engine.redact(card, &dlp.request).text,
            "[REDACTED:credit_card]"
        );
    }
    assert_eq!(
        Dlp::from_toml("[dlpp]\n", "p.toml").expect_err("misspelt").line,
        1
    );
}

#[test]
fn another_listen_address_is_held_against_the_certificate_mode() {
    let mut config = ok("[tls]\nmode = \"off\"\n");
    assert!(config.set_listen("0.0.0.0:1").is_err());
    assert!(config.set_listen("localhost:0").is_ok());
    assert_eq!(config.listen.port(), 0);
}

#[test]
fn secret_in_the_place_of_its_name_is_not_repeated() {
    let secret = ["sk", "canary", "1"].join("-");
    let places = [
        format!("\"{secret}\""),
        format!("{{ env = \"{secret}\" }}"),
        format!("{{ key = \"{secret}\" }}"),
        format!("{{ env = \"A\", file = \"{secret}\" }}"),
        format!("[\"{secret}\"]"),
    ];
    for place in places {
        let provider = format!("[[provider]]\nname = \"o\"\nkind = \"openai\"\napi_key = {place}\n");
        for text in [provider, format!("[metrics]\ntoken = {place}\n")] {
            let (_, reason) = refused(&text);
            assert!(
                !reason.contains("canary") && reason.contains("env = "),
                "{reason}"
            );
        }
    }
}
