//! Keys, sessions and what verifying them says.

use std::time::Duration;

use regex::Regex;
use workjet_auth::jiff::Timestamp;
use workjet_auth::{
    API_KEY_PATTERN, Actor, ApiKey, KeyHash, Refused, RefusedKind, Role, SessionHash, SessionToken,
    StoredKey, StoredSession,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

fn key() -> ApiKey {
    ApiKey::generate("live", &"k3y1d000".parse().expect("an id"), [42; 32])
}

fn stored(key: &ApiKey) -> StoredKey {
    StoredKey {
        id: key.id().clone(),
        tenant: "acme".parse().expect("an id"),
        user: "ada".parse().expect("an id"),
        role: Role::Admin,
        name: "laptop".into(),
        hash: key.hash(),
        created: at(0),
        expires: Some(at(100)),
        revoked: None,
        last_used: None,
        owner_disabled: false,
        tenant_disabled: false,
    }
}

fn kind<T>(outcome: Result<T, Refused>) -> Option<RefusedKind> {
    outcome.err().map(|refused| refused.kind())
}

#[test]
fn generated_key_parses_back() {
    for n in 0..=255 {
        let key = ApiKey::generate("test", &ApiKey::new_id([n; 10]), [n; 32]);
        let parsed = ApiKey::parse(key.expose()).expect("a generated key is a key");
        assert_eq!((parsed.id(), parsed.hash()), (key.id(), key.hash()));
    }
}

#[test]
fn every_single_wrong_character_is_noticed() {
    let text = key().expose().to_owned();
    for place in 0..text.len() {
        for wrong in ['0', 'z', 'A', '_', '-', ' '] {
            let mut damaged: Vec<char> = text.chars().collect();
            if damaged[place] == wrong {
                continue;
            }
            damaged[place] = wrong;
            let damaged: String = damaged.into_iter().collect();
            assert!(ApiKey::parse(&damaged).is_err(), "{damaged}");
        }
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let key = key();
    let text = key.expose();
    let with_space = format!("{text} ");
    let bearer = format!("Bearer {text}");
    let doubled = format!("{text}{text}");
    for other in [
        "",
        "_",
        "wj_",
        "wj_live",
        "sk-abc",
        "ünïcödé",
        &text[1..],
        &text[..text.len() - 1],
        &with_space,
        &bearer,
        &doubled,
    ] {
        assert!(ApiKey::parse(other).is_err(), "{other}");
    }
}

#[test]
#[should_panic(expected = "an API key's id has 8 to 16")]
fn key_id_that_would_not_parse_back_is_refused_at_once() {
    ApiKey::generate("live", &"with-dash-1".parse().expect("an id"), [1; 32]);
}

#[test]
fn published_pattern_finds_keys_and_little_else() {
    let pattern = Regex::new(API_KEY_PATTERN).expect("the pattern compiles");
    for n in 0..=255 {
        let key = ApiKey::generate("test", &ApiKey::new_id([n; 10]), [n; 32]);
        let text = format!("export KEY=\"{}\"\n", key.expose());
        assert_eq!(
            pattern.find(&text).map(|found| found.as_str()),
            Some(key.expose())
        );
    }
    let shortened = key().expose()[..60].to_owned();
    for other in [
        "wj_live_abc",
        &shortened,
        &key().expose().to_uppercase(),
        &format!("x{}", key().expose()),
    ] {
        assert!(!pattern.is_match(other), "{other}");
    }
}

#[test]
fn keys_of_different_randomness_differ_everywhere_it_matters() {
    let id = "k3y1d000".parse().expect("an id");
    let (one, two) = (
        ApiKey::generate("live", &id, [1; 32]),
        ApiKey::generate("live", &id, [2; 32]),
    );
    assert_ne!(one.expose(), two.expose());
    assert_ne!(one.hash(), two.hash());
}

#[test]
fn good_key_names_its_user_and_role() {
    let caller = stored(&key()).verify(&key(), at(1)).expect("a good key");
    assert_eq!(caller.scope().tenant().as_str(), "acme");
    assert_eq!(caller.role(), Role::Admin);
    assert_eq!(caller.user().as_str(), "ada");
    assert!(matches!(caller.scope().actor(), Actor::Key { key, .. } if key.as_str() == "k3y1d000"));
}

#[test]
fn key_is_refused_for_the_first_reason_that_applies() {
    let other = ApiKey::generate("live", &"k3y1d000".parse().expect("an id"), [43; 32]);
    let mut row = stored(&key());
    assert_eq!(kind(row.verify(&key(), at(99))), None);
    row.tenant_disabled = true;
    assert_eq!(kind(row.verify(&key(), at(1))), Some(RefusedKind::TenantDisabled));
    row.owner_disabled = true;
    assert_eq!(kind(row.verify(&key(), at(1))), Some(RefusedKind::OwnerDisabled));
    assert_eq!(
        kind(row.verify(&key(), at(100))),
        Some(RefusedKind::Expired),
        "the end itself is too late"
    );
    row.revoked = Some(at(50));
    assert_eq!(kind(row.verify(&key(), at(100))), Some(RefusedKind::Revoked));
    assert_eq!(kind(row.verify(&other, at(100))), Some(RefusedKind::WrongHash));
}

#[test]
fn every_refusal_reads_the_same() {
    let mut row = stored(&key());
    let mut said = vec![row.verify(&key(), at(100)).expect_err("expired").to_string()];
    row.revoked = Some(at(1));
    said.push(row.verify(&key(), at(2)).expect_err("revoked").to_string());
    row.revoked = None;
    row.owner_disabled = true;
    said.push(row.verify(&key(), at(2)).expect_err("disabled").to_string());
    said.dedup();
    assert_eq!(said, ["the credential is not valid"]);
}

fn session(token: &SessionToken) -> StoredSession {
    StoredSession {
        id: "s1".parse().expect("an id"),
        tenant: "acme".parse().expect("an id"),
        user: "ada".parse().expect("an id"),
        role: Role::Member,
        hash: token.hash(),
        created: at(0),
        last_seen: at(0),
        expires: at(1000),
        idle_timeout: Duration::from_secs(100),
        revoked: None,
        owner_disabled: false,
        tenant_disabled: false,
    }
}

#[test]
fn session_ends_when_idle_and_for_good_at_its_end() {
    let token = SessionToken::generate([1; 32]);
    let mut row = session(&token);
    assert_eq!(kind(row.verify(&token, at(99))), None);
    assert_eq!(kind(row.verify(&token, at(100))), Some(RefusedKind::Idle));
    row.last_seen = at(950);
    assert_eq!(kind(row.verify(&token, at(999))), None);
    assert_eq!(
        kind(row.verify(&token, at(1000))),
        Some(RefusedKind::Expired),
        "use does not prolong it"
    );
    row.last_seen = at(990);
    assert_eq!(
        kind(row.verify(&token, at(980))),
        None,
        "a clock that is behind is no rest"
    );
}

#[test]
fn session_is_refused_for_the_first_reason_that_applies() {
    let token = SessionToken::generate([1; 32]);
    let mut row = session(&token);
    row.tenant_disabled = true;
    assert_eq!(kind(row.verify(&token, at(1))), Some(RefusedKind::TenantDisabled));
    row.owner_disabled = true;
    assert_eq!(kind(row.verify(&token, at(1))), Some(RefusedKind::OwnerDisabled));
    row.revoked = Some(at(1));
    assert_eq!(kind(row.verify(&token, at(2000))), Some(RefusedKind::Revoked));
    assert_eq!(
        kind(row.verify(&SessionToken::generate([2; 32]), at(1))),
        Some(RefusedKind::WrongHash)
    );
}

#[test]
fn session_token_parses_back_and_a_key_is_none() {
    let token = SessionToken::generate([7; 32]);
    let parsed = SessionToken::parse(token.expose()).expect("a token");
    assert_eq!(parsed.hash(), token.hash());
    for other in [
        "",
        "wjs_",
        &token.expose()[..40],
        key().expose(),
        &format!("{} ", token.expose()),
    ] {
        assert!(SessionToken::parse(other).is_err(), "{other}");
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let (key, token) = (key(), SessionToken::generate([7; 32]));
    let shown = format!(
        "{key:?} {:?} {token:?} {:?} {:?}",
        key.hash(),
        stored(&key),
        session(&token)
    );
    let key_secret = key.expose().split('_').nth(3).expect("the secret part");
    for secret in [
        key_secret,
        token.expose(),
        &key.hash().to_hex(),
        &token.hash().to_hex(),
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn errors_do_not_repeat_what_they_were_given() {
    let secret = format!("{}x", key().expose());
    let errors = [
        ApiKey::parse(&secret).expect_err("damaged").to_string(),
        SessionToken::parse(&secret).expect_err("damaged").to_string(),
        KeyHash::from_hex(&secret).expect_err("no hash").to_string(),
    ];
    assert!(
        errors.iter().all(|error| !error.contains(&secret[10..30])),
        "{errors:?}"
    );
}

#[test]
fn hashes_survive_the_database() {
    let hash = key().hash();
    assert_eq!(hash.to_hex().len(), 64);
    assert_eq!(KeyHash::from_hex(&hash.to_hex()), Ok(hash));
    assert!(KeyHash::from_hex("abc").is_err());
    assert!(SessionHash::from_hex(&"g".repeat(64)).is_err());
}

#[test]
fn everything_crosses_threads() {
    fn crosses<T: Send + Sync + ?Sized>() {}
    crosses::<ApiKey>();
    crosses::<SessionToken>();
    crosses::<StoredKey>();
    crosses::<workjet_auth::MemoryAuth>();
    crosses::<workjet_auth::LocalKeys>();
    crosses::<workjet_auth::Principal>();
    crosses::<dyn workjet_auth::ApiKeyStore>();
    crosses::<dyn workjet_auth::KeyProvider>();
}
