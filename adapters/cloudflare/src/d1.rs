//! D1, bound to `workjet-sql`.
//!
//! D1 runs a batch as one transaction and enforces foreign keys. All numbers cross over as JavaScript's, which keep
//! every integer that `workjet-sql` stores.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value as Json;
use wasm_bindgen::JsValue;
use worker::send::SendFuture;
use worker::{D1Database, D1PreparedStatement, D1Result};
use workjet_sql::{Database, Row, Statement, Value, classify};
use workjet_tenant::{ErrorKind, StoreError};

use crate::error::message;

/// The largest integer that both sides keep exactly.
const MAX_INTEGER: f64 = 9_007_199_254_740_992.0;

/// A D1 database.
#[derive(Clone)]
pub struct D1(Arc<D1Database>);

impl D1 {
    /// The database behind a binding.
    pub fn new(database: D1Database) -> Self {
        Self(Arc::new(database))
    }

    fn prepare(&self, statement: &Statement) -> Result<D1PreparedStatement, StoreError> {
        let params: Vec<JsValue> = statement.params.iter().map(bind).collect();
        self.0.prepare(&*statement.sql).bind(&params).map_err(failed)
    }
}

impl fmt::Debug for D1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("D1")
    }
}

#[async_trait]
impl Database for D1 {
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let ask = async { rows(&self.prepare(&statement)?.all().await.map_err(failed)?) };
        SendFuture::new(ask).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        let change = async {
            let prepared = statements
                .iter()
                .map(|statement| self.prepare(statement))
                .collect::<Result<_, _>>()?;
            let answers = self.0.batch(prepared).await.map_err(failed)?;
            answers.iter().map(rows).collect()
        };
        SendFuture::new(change).await
    }
}

fn failed(error: worker::Error) -> StoreError {
    classify(&message(error))
}

fn bind(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        // Exact: no integer that crosses over is above 2^53.
        #[allow(clippy::cast_precision_loss)]
        Value::Integer(number) => JsValue::from_f64(*number as f64),
        Value::Text(text) => JsValue::from_str(text),
    }
}

fn rows(result: &D1Result) -> Result<Vec<Row>, StoreError> {
    let rows: Vec<BTreeMap<String, Json>> = result.results().map_err(failed)?;
    rows.into_iter()
        .map(|columns| {
            let cell = |(name, json)| Ok((name, value(json)?));
            Ok(Row::new(columns.into_iter().map(cell).collect::<Result<_, _>>()?))
        })
        .collect()
}

fn value(json: Json) -> Result<Value, StoreError> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::String(text) => Ok(Value::Text(text)),
        Json::Number(number) => number.as_f64().and_then(integer).ok_or_else(neither),
        _ => Err(neither()),
    }
}

/// The integer that a JavaScript number stands for.
pub(crate) fn integer(number: f64) -> Option<Value> {
    let is_exact = number.trunc() == number && number.abs() <= MAX_INTEGER;
    #[allow(clippy::cast_possible_truncation)]
    is_exact.then_some(Value::Integer(number as i64))
}

/// No column of ours holds anything else.
pub(crate) fn neither() -> StoreError {
    StoreError::new(
        ErrorKind::Corrupt,
        "the database holds a value that is neither an integer nor text: restore it from a backup",
    )
}
