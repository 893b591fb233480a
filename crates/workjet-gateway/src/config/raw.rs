//! The file's shape, and nothing of its meaning. Unknown fields are errors: a misspelt rule protects nobody.
//!
//! Tables are read by hand from the parser's tree. Generated code that does the same is ten times as large, and in a Worker
//! each kilobyte is paid for at every start.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Source};

type Text = Spanned<String>;

pub(super) struct File {
    pub(super) listen: Option<Text>,
    pub(super) data: Option<PathBuf>,
    pub(super) max_body: Option<Text>,
    pub(super) max_connections: Option<NonZeroU64>,
    pub(super) tls: Option<Spanned<Tls>>,
    pub(super) provider: Vec<Spanned<Provider>>,
    pub(super) tier: Vec<Spanned<Tier>>,
    pub(super) alias: BTreeMap<Text, Text>,
    pub(super) dlp: Option<Dlp>,
    pub(super) limits: Limits,
    pub(super) metrics: Option<Metrics>,
    pub(super) timeouts: Timeouts,
}

impl File {
    pub(super) fn parse(source: &Source<'_>) -> Result<Self, ConfigError> {
        table(source).and_then(|table| Self::of(source, table))
    }
}

impl Table for File {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            listen: fields.optional("listen")?,
            data: fields.optional("data")?,
            max_body: fields.optional("max_body")?,
            max_connections: fields.optional("max_connections")?,
            tls: fields.optional("tls")?,
            provider: fields.or_default("provider")?,
            tier: fields.or_default("tier")?,
            alias: fields.or_default("alias")?,
            dlp: fields.optional("dlp")?,
            limits: fields.or_default("limits")?,
            metrics: fields.optional("metrics")?,
            timeouts: fields.or_default("timeouts")?,
        })
    }
}

pub(super) struct Tls {
    pub(super) mode: Option<Text>,
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) names: Vec<Text>,
}

impl Table for Tls {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            mode: fields.optional("mode")?,
            cert: fields.optional("cert")?,
            key: fields.optional("key")?,
            names: fields.or_default("names")?,
        })
    }
}

pub(super) struct Provider {
    pub(super) name: Text,
    pub(super) kind: Text,
    pub(super) base_url: Option<Text>,
    pub(super) api_key: Option<Spanned<Secret>>,
}

impl Table for Provider {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            name: fields.required("name")?,
            kind: fields.required("kind")?,
            base_url: fields.optional("base_url")?,
            api_key: fields.optional("api_key")?,
        })
    }
}

/// Where a secret is. Whoever writes the secret itself here, as people do, must not find it in an error message; so
/// anything but the table becomes one that says nothing, and is refused for that.
#[derive(Default)]
pub(super) struct Secret {
    pub(super) env: Option<String>,
    pub(super) file: Option<PathBuf>,
}

impl Value for Secret {
    fn read(_: &Source<'_>, value: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let DeValue::Table(table) = value.into_inner() else {
            return Ok(Self::default());
        };
        let mut fields = table.into_iter();
        let only = match (fields.next(), fields.next()) {
            (Some((name, value)), None) => Some((name.into_inner(), value.into_inner())),
            _ => None,
        };
        Ok(match only {
            Some((name, DeValue::String(text))) if name == "env" => Self {
                env: Some(text.into_owned()),
                file: None,
            },
            Some((name, DeValue::String(text))) if name == "file" => Self {
                env: None,
                file: Some(text.into_owned().into()),
            },
            _ => Self::default(),
        })
    }
}

pub(super) struct Tier {
    pub(super) name: Text,
    pub(super) targets: Spanned<Vec<Text>>,
}

impl Table for Tier {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            name: fields.required("name")?,
            targets: fields.required("targets")?,
        })
    }
}

pub(super) struct Dlp {
    pub(super) packs: Vec<Text>,
    pub(super) unscannable: Option<Text>,
    pub(super) request: BTreeMap<Text, Text>,
    pub(super) response: BTreeMap<Text, Text>,
    pub(super) custom: Vec<Custom>,
    pub(super) allow: Vec<Spanned<Allow>>,
}

impl Dlp {
    /// A file that is a policy: one with a `[dlp]` table, or the inside of one.
    pub(super) fn parse(source: &Source<'_>) -> Result<Option<Self>, ConfigError> {
        let table = table(source)?;
        let is_of_a_policy =
            |name: &str| ["packs", "unscannable", "request", "response", "custom", "allow"].contains(&name);
        if table.get_ref().keys().any(|name| is_of_a_policy(name.get_ref())) {
            Self::of(source, table).map(Some)
        } else {
            File::of(source, table).map(|file| file.dlp)
        }
    }
}

impl Table for Dlp {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            packs: fields.or_default("packs")?,
            unscannable: fields.optional("unscannable")?,
            request: fields.or_default("request")?,
            response: fields.or_default("response")?,
            custom: fields.or_default("custom")?,
            allow: fields.or_default("allow")?,
        })
    }
}

pub(super) struct Custom {
    pub(super) name: Text,
    pub(super) pattern: Text,
    pub(super) request: Option<Text>,
    pub(super) response: Option<Text>,
    /// The longest match in bytes, where the pattern itself does not bound it.
    pub(super) max_len: Option<NonZeroU64>,
}

impl Table for Custom {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            name: fields.required("name")?,
            pattern: fields.required("pattern")?,
            request: fields.optional("request")?,
            response: fields.optional("response")?,
            max_len: fields.optional("max_len")?,
        })
    }
}

/// A value that passes, by one of three ways to say which.
pub(super) struct Allow {
    pub(super) exact: Option<Text>,
    pub(super) prefix: Option<Text>,
    pub(super) suffix: Option<Text>,
    pub(super) detector: Option<Text>,
}

impl Table for Allow {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            exact: fields.optional("exact")?,
            prefix: fields.optional("prefix")?,
            suffix: fields.optional("suffix")?,
            detector: fields.optional("detector")?,
        })
    }
}

#[derive(Default)]
pub(super) struct Limits {
    pub(super) user: Option<UserLimit>,
}

impl Table for Limits {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            user: fields.optional("user")?,
        })
    }
}

pub(super) struct UserLimit {
    pub(super) requests: Spanned<u64>,
    pub(super) per: Option<Text>,
    pub(super) burst: Option<Spanned<u64>>,
}

impl Table for UserLimit {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            requests: fields.required("requests")?,
            per: fields.optional("per")?,
            burst: fields.optional("burst")?,
        })
    }
}

pub(super) struct Metrics {
    pub(super) token: Spanned<Secret>,
}

impl Table for Metrics {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            token: fields.required("token")?,
        })
    }
}

#[derive(Default)]
pub(super) struct Timeouts {
    pub(super) connect: Option<Text>,
    pub(super) first_byte: Option<Text>,
    pub(super) idle: Option<Text>,
    pub(super) request: Option<Text>,
}

impl Table for Timeouts {
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            connect: fields.optional("connect")?,
            first_byte: fields.optional("first_byte")?,
            idle: fields.optional("idle")?,
            request: fields.optional("request")?,
        })
    }
}

fn table<'t>(source: &Source<'t>) -> Result<Spanned<DeTable<'t>>, ConfigError> {
    DeTable::parse(source.text).map_err(|error| source.syntax(&error))
}

/// Something with named fields.
trait Table: Sized {
    /// Takes every field that there may be. What is left over is an error.
    fn fields(fields: &mut Fields<'_>) -> Result<Self, ConfigError>;

    fn of(source: &Source<'_>, table: Spanned<DeTable<'_>>) -> Result<Self, ConfigError> {
        let span = table.span();
        let mut fields = Fields {
            source,
            span,
            left: table.into_inner().into_iter().collect(),
            known: Vec::new(),
        };
        let read = Self::fields(&mut fields)?;
        fields.end()?;
        Ok(read)
    }
}

struct Fields<'s> {
    source: &'s Source<'s>,
    span: Range<usize>,
    left: Vec<(Spanned<std::borrow::Cow<'s, str>>, Spanned<DeValue<'s>>)>,
    known: Vec<&'static str>,
}

impl Fields<'_> {
    fn optional<T: Value>(&mut self, name: &'static str) -> Result<Option<T>, ConfigError> {
        self.known.push(name);
        let Some(place) = self.left.iter().position(|(field, _)| field.get_ref() == name) else {
            return Ok(None);
        };
        let (_, value) = self.left.swap_remove(place);
        T::read(self.source, value).map(Some)
    }

    fn or_default<T: Value + Default>(&mut self, name: &'static str) -> Result<T, ConfigError> {
        self.optional(name).map(Option::unwrap_or_default)
    }

    fn required<T: Value>(&mut self, name: &'static str) -> Result<T, ConfigError> {
        let value = self.optional(name)?;
        value.ok_or_else(|| {
            self.source
                .at(self.span.clone(), format!("the field `{name}` is missing"))
        })
    }

    fn end(self) -> Result<(), ConfigError> {
        let first = self.left.iter().min_by_key(|(field, _)| field.span().start);
        first.map_or(Ok(()), |(field, _)| {
            let known: Vec<String> = self.known.iter().map(|name| format!("`{name}`")).collect();
            let reason = format!("unknown field `{}`: use {}", field.get_ref(), known.join(", "));
            Err(self.source.at(field.span(), reason))
        })
    }
}

/// What a field may hold.
trait Value: Sized {
    fn read(source: &Source<'_>, value: Spanned<DeValue<'_>>) -> Result<Self, ConfigError>;
}

impl<T: Table> Value for T {
    fn read(source: &Source<'_>, value: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => T::of(source, Spanned::new(span, table)),
            other => Err(expected(source, span, "a table", &other)),
        }
    }
}

impl Value for String {
    fn read(source: &Source<'_>, value: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let span = value.span();
        match value.into_inner() {
            DeValue::String(text) => Ok(text.into_owned()),
            other => Err(expected(source, span, "a string", &other)),
        }
    }
}

impl Value for PathBuf {
    fn read(source: &Source<'_>, value: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        String::read(source, value).map(Self::from)
    }
}

impl Value for u64 {
    fn read(source: &Source<'_>, value: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Integer(number) => Self::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| source.at(span, "must be a whole number, and not a negative one")),
            other => Err(expected(source, span, "a whole number", &other)),
        }
    }
}

impl Value for NonZeroU64 {
    fn read(source: &Source<'_>, value: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let span = value.span();
        Self::new(u64::read(source, value)?).ok_or_else(|| source.at(span, "must be at least 1"))
    }
}

impl<T: Value> Value for Spanned<T> {
    fn read(source: &Source<'_>, value: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let span = value.span();
        T::read(source, value).map(|value| Self::new(span, value))
    }
}

impl<T: Value> Value for Vec<T> {
    fn read(source: &Source<'_>, value: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(list) => list.into_iter().map(|item| T::read(source, item)).collect(),
            other => Err(expected(source, span, "a list", &other)),
        }
    }
}

impl Value for BTreeMap<Text, Text> {
    fn read(source: &Source<'_>, value: Spanned<DeValue<'_>>) -> Result<Self, ConfigError> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => table
                .into_iter()
                .map(|(name, value)| {
                    let name = Spanned::new(name.span(), name.into_inner().into_owned());
                    Ok((name, Text::read(source, value)?))
                })
                .collect(),
            other => Err(expected(source, span, "a table", &other)),
        }
    }
}

/// The value is not repeated: somebody may have put a secret there.
fn expected(source: &Source<'_>, span: Range<usize>, what: &str, found: &DeValue<'_>) -> ConfigError {
    source.at(
        span,
        format!("expected {what}, found {} {}", article(found), found.type_str()),
    )
}

fn article(found: &DeValue<'_>) -> &'static str {
    if found.type_str().starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    }
}
