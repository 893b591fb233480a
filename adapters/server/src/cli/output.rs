//! How commands end, and what they print.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde_json::Value;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody reads our output any more.
    BrokenPipe,
    /// For standard error: what went wrong and what to do. Never a secret.
    Error(String),
}

impl Failure {
    /// An error about `what`, such as a file.
    pub(super) fn about(what: impl Display, error: impl Display) -> Self {
        Self::Error(format!("{what}: {error}"))
    }

    /// A failure to write to standard output.
    pub(super) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::about("standard output", error),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.to_string())
    }
}

/// Prints one line to standard output.
pub(super) fn print_line(line: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))
}

/// A list for people, in columns, or as one JSON object a line.
pub(super) struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    pub(super) fn new<const N: usize>(columns: [&'static str; N]) -> Self {
        Self {
            columns: columns.into(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; `Null` is a field that the row does not have.
    pub(super) fn row<const N: usize>(&mut self, cells: [Value; N]) {
        debug_assert_eq!(N, self.columns.len(), "a cell for each column");
        self.rows.push(cells.into());
    }

    pub(super) fn print(self, json: bool) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let written = if json {
            self.write_json(&mut out)
        } else {
            self.write_columns(&mut out)
        };
        written
            .and_then(|()| out.flush())
            .map_err(|error| Failure::output(&error))
    }

    fn write_json(self, out: &mut impl io::Write) -> io::Result<()> {
        for row in self.rows {
            let fields = self.columns.iter().zip(row).filter(|(_, value)| !value.is_null());
            let object: serde_json::Map<String, Value> =
                fields.map(|(name, value)| ((*name).to_owned(), value)).collect();
            writeln!(out, "{}", Value::Object(object))?;
        }
        Ok(())
    }

    fn write_columns(self, out: &mut impl io::Write) -> io::Result<()> {
        let header: Vec<String> = self
            .columns
            .iter()
            .map(|name| name.to_uppercase().replace('_', " "))
            .collect();
        let rows: Vec<Vec<String>> = std::iter::once(header)
            .chain(self.rows.into_iter().map(|row| row.iter().map(cell).collect()))
            .collect();
        let width = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for row in &rows {
            let line: String = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}  "))
                .collect();
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        other => other.to_string(),
    }
}
