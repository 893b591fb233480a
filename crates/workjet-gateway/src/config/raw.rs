//! The file's shape, and nothing of its meaning. Unknown fields are errors: a misspelt rule protects nobody.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) listen: Option<Text>,
    pub(super) data: Option<PathBuf>,
    pub(super) max_body: Option<Text>,
    pub(super) max_connections: Option<NonZeroU64>,
    pub(super) tls: Option<Spanned<Tls>>,
    #[serde(default)]
    pub(super) provider: Vec<Spanned<Provider>>,
    #[serde(default)]
    pub(super) tier: Vec<Spanned<Tier>>,
    #[serde(default)]
    pub(super) alias: BTreeMap<Text, Text>,
    pub(super) dlp: Option<Dlp>,
    #[serde(default)]
    pub(super) limits: Limits,
    pub(super) metrics: Option<Metrics>,
    #[serde(default)]
    pub(super) timeouts: Timeouts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) mode: Option<Text>,
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    #[serde(default)]
    pub(super) names: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub(super) name: Text,
    pub(super) kind: Text,
    pub(super) base_url: Option<Text>,
    pub(super) api_key: Option<Spanned<Secret>>,
}

/// Where a secret is. Whoever writes the secret itself here, as people do, must not find it in an error message; so
/// anything but the table becomes one that says nothing, and is refused for that.
#[derive(Deserialize)]
#[serde(from = "SecretOrNot")]
pub(super) struct Secret {
    pub(super) env: Option<String>,
    pub(super) file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum SecretOrNot {
    Env { env: String },
    File { file: PathBuf },
    Not(IgnoredAny),
}

impl From<SecretOrNot> for Secret {
    fn from(written: SecretOrNot) -> Self {
        let (env, file) = match written {
            SecretOrNot::Env { env } => (Some(env), None),
            SecretOrNot::File { file } => (None, Some(file)),
            SecretOrNot::Not(_) => (None, None),
        };
        Self { env, file }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tier {
    pub(super) name: Text,
    pub(super) targets: Spanned<Vec<Text>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dlp {
    pub(super) unscannable: Option<Text>,
    #[serde(default)]
    pub(super) request: BTreeMap<Text, Text>,
    #[serde(default)]
    pub(super) response: BTreeMap<Text, Text>,
    #[serde(default)]
    pub(super) custom: Vec<Custom>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Custom {
    pub(super) name: Text,
    pub(super) pattern: Text,
    pub(super) request: Option<Text>,
    pub(super) response: Option<Text>,
    /// The longest match in bytes, where the pattern itself does not bound it.
    pub(super) max_len: Option<NonZeroU64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) user: Option<UserLimit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserLimit {
    pub(super) requests: Spanned<u64>,
    pub(super) per: Option<Text>,
    pub(super) burst: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metrics {
    pub(super) token: Spanned<Secret>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Timeouts {
    pub(super) connect: Option<Text>,
    pub(super) first_byte: Option<Text>,
    pub(super) idle: Option<Text>,
    pub(super) request: Option<Text>,
}
