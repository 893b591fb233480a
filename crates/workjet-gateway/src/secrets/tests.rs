//! Where a key may be missing, and where not.

use std::collections::BTreeMap;
use std::sync::Arc;

use workjet_auth::{LocalKeys, MemoryAuth};

use super::*;
use crate::NoPasswords;
use crate::admin::AdminErrorKind;
use crate::host::Entropy;

/// Variables that a test sets.
#[derive(Default)]
struct Variables(BTreeMap<&'static str, &'static str>);

impl SecretPlaces for Variables {
    fn read(&self, source: &SecretSource) -> Result<Option<SecretString>, String> {
        match source {
            SecretSource::Env(name) => Ok(self.0.get(name.as_str()).map(|text| SecretString::from(*text))),
            _ => Err("there are no files here: use { env = … }".to_owned()),
        }
    }

    fn how_to_fill(&self, _: &SecretSource) -> String {
        "set the variable".to_owned()
    }
}

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Home {
    auth: MemoryAuth,
    admin: Admin,
    operator: Operator,
    keys: LocalKeys,
}

impl Home {
    fn new() -> Self {
        let auth = MemoryAuth::new();
        let admin = Admin {
            operators: Arc::new(auth.clone()),
            users: Arc::new(auth.clone()),
            keys: Arc::new(auth.clone()),
            entropy: Arc::new(Zeros),
            passwords: Arc::new(NoPasswords),
        };
        Self {
            auth,
            admin,
            operator: Operator::dangerously_claim(),
            keys: LocalKeys::new("kek-1", [7; 32]),
        }
    }

    async fn with_tenant() -> Self {
        let home = Self::new();
        home.admin
            .create_tenant(&home.operator, &default_tenant(), "Default", now())
            .await
            .expect("a tenant");
        home
    }

    fn vault(&self) -> Vault<'_> {
        Vault {
            admin: &self.admin,
            secrets: &self.auth,
            keys: &self.keys,
            operator: &self.operator,
            now: now(),
        }
    }

    async fn sealed(&self) -> usize {
        let scope = self.operator.system_scope(&default_tenant());
        self.auth.list(&scope).await.expect("an answer").len()
    }
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a time")
}

fn config(more: &str) -> Config {
    let text =
        format!("[[provider]]\nname = \"openai\"\nkind = \"openai\"\napi_key = {{ env = \"KEY\" }}\n{more}");
    Config::from_toml(&text, "test").expect("a configuration")
}

fn variables(pairs: &[(&'static str, &'static str)]) -> Variables {
    Variables(pairs.iter().copied().collect())
}

fn key_of(secrets: &Secrets) -> &str {
    secrets.provider_keys["openai"].expose_secret()
}

#[tokio::test]
async fn key_is_sealed_and_serves_when_its_place_is_empty() {
    let home = Home::with_tenant().await;
    let given = Given::read(&config(""), &variables(&[("KEY", " sk-first\n")])).expect("readable");
    assert_eq!(
        key_of(&given.seal(home.vault()).await.expect("sealed")),
        "sk-first"
    );
    assert_eq!(home.sealed().await, 1);
    for empty in [variables(&[]), variables(&[("KEY", " \n")])] {
        let given = Given::read(&config(""), &empty).expect("readable");
        given.check(home.vault()).await.expect("the sealed one serves");
        assert_eq!(
            key_of(&given.seal(home.vault()).await.expect("sealed")),
            "sk-first"
        );
    }
}

#[tokio::test]
async fn key_that_is_nowhere_is_missed_before_anything_is_made_with_advice() {
    let home = Home::with_tenant().await;
    let given = Given::read(&config(""), &variables(&[])).expect("readable");
    let error = given.check(home.vault()).await.expect_err("there is none");
    assert_eq!(error.kind(), AdminErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "the provider \"openai\" has no API key: set the variable"
    );
    let error = given.seal(home.vault()).await.expect_err("there is none");
    assert!(error.to_string().ends_with("set the variable"), "{error}");
}

#[tokio::test]
async fn key_is_taken_as_given_until_there_is_a_tenant_to_own_it() {
    let home = Home::new();
    let given = || Given::read(&config(""), &variables(&[("KEY", "sk-first")])).expect("readable");
    assert_eq!(
        key_of(&given().seal(home.vault()).await.expect("taken")),
        "sk-first"
    );
    assert_eq!(home.sealed().await, 0);
    let missing = Given::read(&config(""), &variables(&[])).expect("readable");
    assert_eq!(
        missing
            .seal(home.vault())
            .await
            .expect_err("there is none")
            .kind(),
        AdminErrorKind::NotFound
    );
}

#[test]
fn place_that_this_home_does_not_have_is_refused_by_the_providers_name() {
    let text = "[[provider]]\nname = \"openai\"\nkind = \"openai\"\napi_key = { file = \"key\" }\n";
    let config = Config::from_toml(text, "test").expect("a configuration");
    let error = Given::read(&config, &variables(&[])).expect_err("no files");
    assert_eq!(error.kind(), AdminErrorKind::Invalid);
    assert_eq!(
        error.to_string(),
        "the API key of the provider \"openai\" cannot be read: there are no files here: use { env = … }"
    );
}

#[test]
fn token_for_metrics_is_never_sealed_so_it_must_be_there() {
    let config = config("[metrics]\ntoken = { env = \"TOKEN\" }\n");
    let error = Given::read(&config, &variables(&[("KEY", "sk")])).expect_err("no token");
    assert_eq!(
        error.to_string(),
        "the token for /metrics is not there: set the variable"
    );
    let given = Given::read(&config, &variables(&[("KEY", "sk"), ("TOKEN", "t\n")])).expect("both");
    let token = given.metrics_token.as_ref().map(ExposeSecret::expose_secret);
    assert_eq!(token, Some("t"));
    assert!(!format!("{given:?}").contains("sk"));
}

#[test]
fn text_that_is_no_key_is_refused_and_not_repeated() {
    let key = |text: &str| parse_key(&SecretString::from(text));
    assert_eq!(key(&format!(" {}\n", "0A".repeat(32))), Ok([10; 32]));
    for text in ["", "0a", &"0a".repeat(33), &"zz".repeat(32)] {
        assert_eq!(key(text), Err(NotAKey));
    }
}
