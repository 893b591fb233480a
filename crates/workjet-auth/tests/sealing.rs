//! Sealed secrets open where they were sealed, and nowhere else.

use futures_util::FutureExt;
use workjet_auth::jiff::Timestamp;
use workjet_auth::{
    ExposeSecret, LocalKeys, Operator, Scope, SealEntropy, SealErrorKind, SealedSecret, SecretString, open,
    rewrap, seal,
};

fn now_or_never<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("local keys answer at once")
}

fn tenant(name: &str) -> Scope {
    Operator::dangerously_claim().scope(&name.parse().expect("an id"))
}

fn secret() -> SecretString {
    SecretString::from(["sk", "test", "0123456789"].join("-"))
}

fn entropy(seed: u8) -> SealEntropy {
    SealEntropy::new(std::array::from_fn(|i| {
        seed.wrapping_mul(57).wrapping_add(i as u8)
    }))
}

fn sealed(keys: &LocalKeys, seed: u8) -> SealedSecret {
    let (scope, secret, now) = (tenant("acme"), secret(), Timestamp::UNIX_EPOCH);
    let work = seal(
        keys,
        &scope,
        "provider/openai",
        "openai",
        &secret,
        now,
        entropy(seed),
    );
    now_or_never(work).expect("sealing with a local key works")
}

fn failure(keys: &LocalKeys, scope: &Scope, sealed: &SealedSecret) -> Option<SealErrorKind> {
    now_or_never(open(keys, scope, sealed))
        .err()
        .map(|error| error.kind())
}

#[test]
fn secret_opens_where_it_was_sealed() {
    let keys = LocalKeys::new("k1", [1; 32]);
    let sealed = sealed(&keys, 1);
    let opened = now_or_never(open(&keys, &tenant("acme"), &sealed)).expect("its own place");
    assert_eq!(opened.expose_secret(), secret().expose_secret());
    assert_eq!(sealed.key_id, "k1");
}

#[test]
fn sealed_secret_does_not_open_anywhere_else() {
    let keys = LocalKeys::new("k1", [1; 32]);
    let sealed = sealed(&keys, 1);
    let does_not_open = Some(SealErrorKind::DoesNotOpen);
    assert_eq!(
        failure(&keys, &tenant("other"), &sealed),
        does_not_open,
        "another tenant"
    );
    let renamed = SealedSecret {
        name: "provider/other".into(),
        ..sealed.clone()
    };
    assert_eq!(
        failure(&keys, &tenant("acme"), &renamed),
        does_not_open,
        "another name"
    );
    let redirected = SealedSecret {
        provider: "evil".into(),
        ..sealed.clone()
    };
    assert_eq!(
        failure(&keys, &tenant("acme"), &redirected),
        does_not_open,
        "another provider"
    );
    let shifted = SealedSecret {
        name: "provider/open".into(),
        provider: "aiopenai".into(),
        ..sealed.clone()
    };
    assert_eq!(
        failure(&keys, &tenant("acme"), &shifted),
        does_not_open,
        "the same letters, cut elsewhere"
    );
    let later = SealedSecret { version: 2, ..sealed };
    assert_eq!(
        failure(&keys, &tenant("acme"), &later),
        Some(SealErrorKind::UnknownVersion)
    );
}

#[test]
fn every_flipped_bit_is_noticed() {
    let keys = LocalKeys::new("k1", [1; 32]);
    let sealed = sealed(&keys, 1);
    for place in 0..sealed.ciphertext.len() {
        let mut damaged = sealed.clone();
        damaged.ciphertext[place] ^= 1;
        assert_eq!(
            failure(&keys, &tenant("acme"), &damaged),
            Some(SealErrorKind::DoesNotOpen)
        );
    }
    for place in 0..sealed.wrapped_key.len() {
        let mut damaged = sealed.clone();
        damaged.wrapped_key[place] ^= 1;
        assert_eq!(
            failure(&keys, &tenant("acme"), &damaged),
            Some(SealErrorKind::DoesNotOpen)
        );
    }
    for len in 0..28 {
        let short = SealedSecret {
            ciphertext: sealed.ciphertext[..len].to_vec(),
            ..sealed.clone()
        };
        assert_eq!(
            failure(&keys, &tenant("acme"), &short),
            Some(SealErrorKind::DoesNotOpen)
        );
    }
}

#[test]
fn pieces_of_two_secrets_do_not_fit_together() {
    let keys = LocalKeys::new("k1", [1; 32]);
    let (one, two) = (sealed(&keys, 1), sealed(&keys, 2));
    let mixed = SealedSecret {
        wrapped_key: two.wrapped_key,
        ..one
    };
    assert_eq!(
        failure(&keys, &tenant("acme"), &mixed),
        Some(SealErrorKind::DoesNotOpen)
    );
}

#[test]
fn rewrapping_moves_a_secret_to_the_new_key() {
    let old = LocalKeys::new("k1", [1; 32]);
    let both = LocalKeys::new("k2", [2; 32]).with_old("k1", [1; 32]);
    let new = LocalKeys::new("k2", [2; 32]);
    let sealed = sealed(&old, 1);
    assert_eq!(
        failure(&new, &tenant("acme"), &sealed),
        Some(SealErrorKind::UnknownKey)
    );

    let moved =
        now_or_never(rewrap(&both, &tenant("acme"), &sealed, [9; 12])).expect("both keys are at hand");
    let moved = moved.expect("it was under the old key");
    assert_eq!(
        (moved.key_id.as_str(), &moved.ciphertext),
        ("k2", &sealed.ciphertext),
        "only the data key moves"
    );
    let opened =
        now_or_never(open(&new, &tenant("acme"), &moved)).expect("the old key is not needed any more");
    assert_eq!(opened.expose_secret(), secret().expose_secret());
    let again = now_or_never(rewrap(&both, &tenant("acme"), &moved, [8; 12])).expect("both keys are at hand");
    assert_eq!(
        again, None,
        "what is moved stays, so an interrupted rewrap can start again"
    );
    assert!(
        now_or_never(rewrap(&both, &tenant("other"), &sealed, [7; 12])).is_err(),
        "only in its own tenant"
    );
}

#[test]
fn debug_output_holds_neither_secret_nor_key() {
    let keys = LocalKeys::new("k1", [0x41; 32]);
    let sealed = sealed(&keys, 1);
    let shown = format!("{keys:?} {sealed:?} {:?} {:?}", entropy(1), secret());
    assert!(
        !shown.contains("65, 65") && !shown.contains("0123456789"),
        "{shown}"
    );
    assert!(!shown.contains(&format!("{:?}", sealed.ciphertext)), "{shown}");
}
