//! The SQLite database inside a Durable Object, bound to `workjet-sql`.
//!
//! Statements run at once, without a promise in between, so nobody else's run between those of a batch; the runtime's
//! own transaction takes all of them back if one fails. What is written is on its way to the disk when a call returns,
//! and the runtime holds back every message that leaves the object until it has arrived (the "output gate"). So the
//! reply that reports success does not leave before the change is durable.

use std::fmt;

use async_trait::async_trait;
use wasm_bindgen::prelude::*;
use worker::send::SendWrapper;
use worker::{SqlStorage, SqlStorageValue, Storage};
use workjet_sql::{Database, Row, Statement, Value, classify};
use workjet_tenant::StoreError;

use crate::d1::{integer, neither};
use crate::error::{message, thrown};

#[wasm_bindgen]
extern "C" {
    /// `ctx.storage`, for the one method of it that the crate `worker` leaves out.
    #[wasm_bindgen(extends = js_sys::Object)]
    type Transactions;

    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &Transactions,
        work: &mut dyn FnMut() -> Result<(), JsValue>,
    ) -> Result<JsValue, JsValue>;
}

/// The database of the Durable Object that `storage` belongs to.
pub struct ObjectStorage(SendWrapper<Storage>);

impl ObjectStorage {
    /// The database of the object with this storage.
    pub const fn new(storage: Storage) -> Self {
        Self(SendWrapper(storage))
    }
}

impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectStorage")
    }
}

#[async_trait]
impl Database for ObjectStorage {
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        run(&self.0.sql(), &statement)
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        let sql = self.0.sql();
        let transactions: &Transactions = self.0.as_raw().unchecked_ref();
        let mut answers = Vec::with_capacity(statements.len());
        let mut failure = None;
        let committed = transactions.transaction_sync(&mut || {
            for statement in &statements {
                match run(&sql, statement) {
                    Ok(rows) => answers.push(rows),
                    Err(error) => {
                        failure = Some(error);
                        // Thrown, it makes the runtime roll back.
                        return Err(JsValue::from_str("rolled back"));
                    }
                }
            }
            Ok(())
        });
        match (failure, committed) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(failed(thrown(error))),
            (None, Ok(_)) => Ok(answers),
        }
    }
}

fn failed(error: worker::Error) -> StoreError {
    classify(&message(error))
}

fn run(sql: &SqlStorage, statement: &Statement) -> Result<Vec<Row>, StoreError> {
    let params: Vec<SqlStorageValue> = statement.params.iter().map(bind).collect();
    let cursor = sql.exec(&statement.sql, params).map_err(failed)?;
    let names = cursor.column_names();
    cursor
        .raw()
        .map(|row| {
            let cells = row.map_err(failed)?.into_iter().map(value);
            let columns = names.iter().cloned().zip(cells);
            Ok(Row::new(
                columns
                    .map(|(name, cell)| Ok((name, cell?)))
                    .collect::<Result<_, StoreError>>()?,
            ))
        })
        .collect()
}

fn bind(value: &Value) -> SqlStorageValue {
    match value {
        Value::Null => SqlStorageValue::Null,
        Value::Integer(number) => SqlStorageValue::Integer(*number),
        Value::Text(text) => SqlStorageValue::String(text.clone()),
    }
}

fn value(value: SqlStorageValue) -> Result<Value, StoreError> {
    match value {
        SqlStorageValue::Null => Ok(Value::Null),
        SqlStorageValue::Integer(number) => Ok(Value::Integer(number)),
        SqlStorageValue::Float(number) => integer(number).ok_or_else(neither),
        SqlStorageValue::String(text) => Ok(Value::Text(text)),
        SqlStorageValue::Boolean(_) | SqlStorageValue::Blob(_) => Err(neither()),
    }
}
