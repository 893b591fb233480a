//! What a database must be able to do, and the values that cross over.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_tenant::{ErrorKind, StoreError};

/// A SQLite, wherever it is.
///
/// # Contract
/// - `query` runs one statement that only reads, on committed data: everything that an earlier `batch` of this value
///   committed is seen.
/// - `batch` runs all statements in order, isolated from everybody else, and commits all or none; each answers with the
///   rows of its `RETURNING`. It returns once the change is durable.
/// - Foreign keys are enforced.
/// - Parameters are bound as `?1`, `?2`, …; rows name their columns.
///
/// # Errors
/// [`classify`] turns SQLite's message into the right error: a taken key is
/// [`AlreadyExists`](ErrorKind::AlreadyExists), a missing parent [`NotFound`](ErrorKind::NotFound), all else
/// [`Unavailable`](ErrorKind::Unavailable).
#[async_trait]
pub trait Database: Send + Sync {
    /// Asks.
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError>;

    /// Changes everything or nothing.
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError>;
}

#[async_trait]
impl<D: Database + ?Sized> Database for Arc<D> {
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        (**self).query(statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        (**self).batch(statements).await
    }
}

/// The error for what SQLite or D1 said. Its message names no value.
pub fn classify(message: &str) -> StoreError {
    if message.contains("UNIQUE constraint failed") {
        StoreError::new(
            ErrorKind::AlreadyExists,
            "it exists already: choose another id or name",
        )
    } else if message.contains("FOREIGN KEY constraint failed") {
        StoreError::new(ErrorKind::NotFound, "what it belongs to does not exist")
    } else {
        StoreError::unavailable(format!("the database failed: {message}"))
    }
}

/// One statement with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text, with parameters `?1`, `?2`, …
    pub sql: Cow<'static, str>,
    /// The parameters, in order.
    pub params: Vec<Value>,
}

impl Statement {
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>, params: impl Into<Vec<Value>>) -> Self {
        Self {
            sql: sql.into(),
            params: params.into(),
        }
    }
}

/// A value that crosses over unharmed.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Between -2^53 and 2^53: JavaScript keeps these exactly.
    Integer(i64),
    /// Text, hashes and bytes included.
    Text(String),
}

/// Shows the kind alone: a value may be personal, or the hash of a credential.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Integer(_) => "Integer(..)",
            Self::Text(_) => "Text(..)",
        })
    }
}

const MAX_INTEGER: i64 = 1 << 53;

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Integer(i64::from(truth))
    }
}

/// What is larger than 2^53 counts as 2^53.
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX).min(MAX_INTEGER))
    }
}

/// Microseconds since 1970; what lies after the year 2255 counts as then.
impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Integer(time.as_microsecond().clamp(-MAX_INTEGER, MAX_INTEGER))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<(String, Value)>);

impl Row {
    /// A row of named columns.
    pub const fn new(columns: Vec<(String, Value)>) -> Self {
        Self(columns)
    }

    fn value(&self, column: &str) -> Result<&Value, StoreError> {
        let found = self.0.iter().find(|(name, _)| name == column);
        found.map(|(_, value)| value).ok_or_else(|| corrupt(column))
    }

    pub(crate) fn optional_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        match self.value(column)? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            Value::Integer(_) => Err(corrupt(column)),
        }
    }

    pub(crate) fn text(&self, column: &str) -> Result<&str, StoreError> {
        self.optional_text(column)?.ok_or_else(|| corrupt(column))
    }

    /// Text that is the name of something: an id, a role, a login.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, column: &str) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|_| corrupt(column))
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        hex::decode(self.text(column)?).map_err(|_| corrupt(column))
    }

    fn optional_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        match self.value(column)? {
            Value::Integer(number) => Ok(Some(*number)),
            Value::Null => Ok(None),
            Value::Text(_) => Err(corrupt(column)),
        }
    }

    pub(crate) fn number(&self, column: &str) -> Result<u64, StoreError> {
        let number = self.optional_integer(column)?.ok_or_else(|| corrupt(column))?;
        u64::try_from(number).map_err(|_| corrupt(column))
    }

    pub(crate) fn truth(&self, column: &str) -> Result<bool, StoreError> {
        match self.number(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(corrupt(column)),
        }
    }

    pub(crate) fn optional_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        let micros = self.optional_integer(column)?;
        micros
            .map(|micros| Timestamp::from_microsecond(micros).map_err(|_| corrupt(column)))
            .transpose()
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.optional_time(column)?.ok_or_else(|| corrupt(column))
    }
}

pub(crate) fn corrupt(column: &str) -> StoreError {
    StoreError::new(
        ErrorKind::Corrupt,
        format!(
            "the database holds a value that cannot be read in column {column}: restore it from a backup"
        ),
    )
}
