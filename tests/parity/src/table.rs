//! The table: scenarios as data, read from `scenarios/*.toml`.
//!
//! A scenario with `each` stands for every combination of the values there: `$name` in any of its strings is one of
//! them, and a string that is nothing but `$name` takes its type too; a value that is a table names several things that
//! belong together. `$model` is a model name that no other scenario
//! uses.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

const FILES: &[(&str, &str)] = &[
    ("dialects", include_str!("../scenarios/dialects.toml")),
    ("dlp", include_str!("../scenarios/dlp.toml")),
    ("errors", include_str!("../scenarios/errors.toml")),
    ("providers", include_str!("../scenarios/providers.toml")),
    ("streams", include_str!("../scenarios/streams.toml")),
    ("limits", include_str!("../scenarios/limits.toml")),
    ("people", include_str!("../scenarios/people.toml")),
];
const CONFIGURATIONS: &str = include_str!("../scenarios/configurations.toml");

/// The configurations by name, and the scenarios in their order.
pub(crate) struct Table {
    pub(crate) configurations: BTreeMap<String, String>,
    pub(crate) scenarios: Vec<Scenario>,
}

/// A few requests of one user, and what becomes of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) config: String,
    pub(crate) steps: Vec<Step>,
    /// The entries that it leaves in the log: the kind, and the code behind it if there is one.
    pub(crate) log: Vec<String>,
    /// The model that `$model` stands for.
    #[serde(skip)]
    pub(crate) model: String,
}

/// One step: something is prepared, or a request is sent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Step {
    /// How `model` answers from here on: scripts for the mock providers.
    pub(crate) replies: Option<Value>,
    /// Which model answers or is asked; `$model` if absent.
    pub(crate) model: Option<String>,

    /// A chat request in this dialect: `openai` or `anthropic`.
    pub(crate) client: Option<String>,
    /// The provider's name; absent if `model` is a tier, an alias or nothing.
    pub(crate) provider: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) stream: bool,
    /// More fields for the body.
    pub(crate) with: BTreeMap<String, Value>,
    /// Fields to leave out of it.
    pub(crate) without: Vec<String>,

    /// Or a request of any other kind.
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) json: Option<Value>,
    pub(crate) body: Option<String>,
    /// The body, so many times over.
    pub(crate) repeated: Option<usize>,
    /// The body is announced as longer than it is, and never comes to its end.
    pub(crate) stalls: bool,

    /// Whose credential: `member` (the scenario's own user), `owner`, `nobody`, or what was saved under this name.
    #[serde(rename = "as")]
    pub(crate) who: Option<String>,
    /// How it is shown: `bearer`, `x-api-key` or `cookie`.
    pub(crate) shown: Option<String>,
    pub(crate) headers: BTreeMap<String, String>,
    /// Names for later steps: a JSON pointer into the reply, or `cookie`.
    pub(crate) save: BTreeMap<String, String>,
    /// Homes agree about the status alone.
    pub(crate) only_status: bool,
    /// Or nothing happens for a while.
    pub(crate) wait_ms: Option<u64>,
    /// Sent so many times, one after the other.
    pub(crate) times: Option<usize>,
    /// The provider may send so many chunks (with `gate` in its script).
    pub(crate) release: Option<usize>,
    /// The client hangs up behind this event of the stream.
    pub(crate) leaves_after: Option<usize>,

    /// What all homes must answer with, lest they be wrong alike.
    pub(crate) status: Option<u16>,
    /// The error's code.
    pub(crate) code: Option<String>,
    /// A part of the body.
    pub(crate) says: Option<String>,
}

impl Scenario {
    /// Whether it says how models answer that the configuration names.
    pub(crate) fn shares_models(&self) -> bool {
        self.steps
            .iter()
            .any(|step| step.replies.is_some() && step.model.is_some())
    }
}

impl Table {
    /// Reads all of it.
    pub(crate) fn read() -> Result<Self> {
        let configurations: BTreeMap<String, String> =
            toml::from_str(CONFIGURATIONS).context("configurations.toml")?;
        let mut scenarios: Vec<Scenario> = Vec::new();
        for (file, text) in FILES {
            let parsed: toml::Table = toml::from_str(text).with_context(|| format!("{file}.toml"))?;
            let rows = serde_json::to_value(parsed)?;
            for row in rows["scenario"].as_array().into_iter().flatten() {
                for row in combinations(row)? {
                    // No name begins another.
                    let model = format!("{file}-{:03}", scenarios.len());
                    let row = replaced(
                        &row,
                        &BTreeMap::from([("model".to_owned(), Value::from(model.clone()))]),
                    );
                    let mut scenario: Scenario =
                        serde_json::from_value(row.clone()).with_context(|| format!("{file}.toml: {row}"))?;
                    scenario.model = model;
                    check(&scenario, &configurations)?;
                    ensure!(
                        scenarios.iter().all(|other| other.name != scenario.name),
                        "two scenarios are called {:?}",
                        scenario.name
                    );
                    scenarios.push(scenario);
                }
            }
        }
        Ok(Self {
            configurations,
            scenarios,
        })
    }
}

fn check(scenario: &Scenario, configurations: &BTreeMap<String, String>) -> Result<()> {
    let name = &scenario.name;
    ensure!(
        configurations.contains_key(&scenario.config),
        "{name}: there is no configuration {:?}",
        scenario.config
    );
    for step in &scenario.steps {
        let asks = step.client.is_some() || step.path.is_some();
        ensure!(
            asks || step.replies.is_some() || step.wait_ms.is_some(),
            "{name}: a step that neither sends nor prepares anything"
        );
        ensure!(
            asks == step.status.is_some(),
            "{name}: each request says which status it expects"
        );
    }
    Ok(())
}

/// The row for each combination of the values in its `each`.
fn combinations(row: &Value) -> Result<Vec<Value>> {
    let mut row = row.clone();
    let fields = row.as_object_mut().context("a scenario is a table")?;
    let Some(each) = fields.remove("each") else {
        return Ok(vec![row]);
    };
    let mut chosen = vec![BTreeMap::new()];
    for (name, values) in each.as_object().context("`each` is a table")? {
        let Some(values) = values.as_array() else {
            bail!("`each.{name}` is a list");
        };
        chosen = chosen
            .iter()
            .flat_map(|known| {
                values.iter().map(move |value| {
                    let mut known: BTreeMap<String, Value> = known.clone();
                    match value.as_object() {
                        // What belongs together.
                        Some(several) => {
                            known.extend(several.iter().map(|(name, value)| (name.clone(), value.clone())));
                        }
                        None => drop(known.insert(name.clone(), value.clone())),
                    }
                    known
                })
            })
            .collect();
    }
    Ok(chosen.iter().map(|values| replaced(&row, values)).collect())
}

/// `value` with `$name` replaced wherever it stands.
pub(crate) fn replaced(value: &Value, names: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::String(text) => {
            if let Some(value) = text.strip_prefix('$').and_then(|name| names.get(name)) {
                return value.clone();
            }
            Value::from(filled(text, names))
        }
        Value::Array(items) => items.iter().map(|item| replaced(item, names)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (filled(name, names), replaced(value, names)))
            .collect(),
        other => other.clone(),
    }
}

/// `text` with `$name` replaced wherever it stands.
pub(crate) fn filled(text: &str, names: &BTreeMap<String, Value>) -> String {
    let mut text = text.to_owned();
    if !text.contains('$') {
        return text;
    }
    // The longer names first: `$key` begins `$key_id`.
    for (name, value) in names.iter().rev() {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text = text.replace(&format!("${name}"), &shown);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_large_and_its_configurations_are_few() {
        let table = Table::read().expect("a good table");
        assert!(table.scenarios.len() >= 60, "{}", table.scenarios.len());
        assert!(table.configurations.len() <= 6, "each needs a Worker of its own");
    }
}
