//! Plays a scenario in one home, and writes down all that came of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::client::{Reply, Sent, begin};
use crate::home::Home;
use crate::normal;
use crate::table::{Scenario, Step, filled, replaced};

const PATIENCE: Duration = Duration::from_secs(60);

/// All that came of a scenario, line by line, without what may differ between homes.
pub(crate) type Transcript = Vec<String>;

/// Plays `scenario`.
///
/// # Errors
/// If it did not go as the table says, whatever the other homes say.
pub(crate) async fn play(home: &Home, scenario: &Scenario) -> Result<Transcript> {
    let mut stage = Stage::set(home, scenario).await?;
    for (number, step) in scenario.steps.iter().enumerate() {
        stage
            .step(step)
            .await
            .with_context(|| format!("step {}", number + 1))?;
    }
    stage.close(scenario).await
}

/// A scenario while it is played.
struct Stage<'a> {
    home: &'a Home,
    model: &'a str,
    /// What later steps may use as `$name`.
    names: BTreeMap<String, Value>,
    /// What was made anew, by its value.
    known: Vec<(String, String)>,
    /// Where the log and the list of requests to providers stood at the beginning.
    log_began: u64,
    provided_before: u64,
    /// The ids of its requests, by which it knows its entries among those of scenarios that are played meanwhile.
    requests: Vec<String>,
    shares_models: bool,
    lines: Vec<String>,
}

impl<'a> Stage<'a> {
    async fn set(home: &'a Home, scenario: &'a Scenario) -> Result<Self> {
        let mut stage = Self {
            home,
            model: &scenario.model,
            names: BTreeMap::new(),
            known: Vec::new(),
            log_began: 0,
            provided_before: home.provided(1 << 40).await?.1,
            requests: Vec::new(),
            shares_models: scenario.shares_models(),
            lines: Vec::new(),
        };
        stage.learn("owner", home.owner.clone());
        let owner = stage.call(Method::GET, "/auth/me", None).await?;
        stage.learn("owner_id", text(&owner, "/user/id")?);

        // A user of its own, so that no scenario uses up another's limits.
        let email = format!("{}@example.com", scenario.model);
        let made = json!({"email": email, "role": "member"});
        let user = stage.call(Method::POST, "/admin/v1/users", Some(made)).await?;
        let id = text(&user, "/user/id")?;
        let made = json!({"user": id, "name": "parity"});
        let key = stage.call(Method::POST, "/admin/v1/keys", Some(made)).await?;
        stage.learn("member_id", id);
        stage.learn("member", text(&key, "/key")?);
        stage.learn("key_id", text(&key, "/api_key/id")?);
        stage.names.insert("email".to_owned(), Value::from(email));
        stage.known.push((home.authority.clone(), "home".to_owned()));
        stage.log_began = stage.log_size().await?;
        Ok(stage)
    }

    fn learn(&mut self, name: &str, value: String) {
        self.known.push((value.clone(), name.to_owned()));
        self.names.insert(name.to_owned(), Value::from(value));
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        let model = filled(step.model.as_deref().unwrap_or(self.model), &self.names);
        if let Some(replies) = &step.replies {
            self.home.script(&model, &replaced(replies, &self.names)).await?;
        }
        if let Some(wait) = step.wait_ms {
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        if step.status.is_none() {
            return Ok(());
        }
        let soon = Timestamp::now() + Duration::from_secs(2);
        self.names
            .insert("in_2_s".to_owned(), Value::from(soon.to_string()));
        for _ in 0..step.times.unwrap_or(1) {
            let sent = self.request(step, &model)?;
            self.lines.push(format!("> {} {}", sent.method, sent.path));
            let (reply, left) = self.reply(step, &model, sent).await?;
            if let Some(id) = reply.header("x-workjet-request-id") {
                self.requests.push(id.to_owned());
            }
            if left {
                self.settled().await?;
            }
            if step.only_status {
                self.lines.push(format!("< {}", reply.status));
            } else {
                self.note(&reply);
            }
            check(step, &reply)?;
            for (name, place) in &step.save {
                let value = if place == "cookie" {
                    let cookie = reply.header("set-cookie").context("no cookie is set")?;
                    cookie.split(';').next().unwrap_or_default().to_owned()
                } else {
                    text(&reply.json()?, place)?
                };
                self.learn(name, value);
            }
        }
        Ok(())
    }

    fn request(&self, step: &Step, model: &str) -> Result<Sent> {
        let (path, body) = match &step.client {
            Some(client) => (
                match client.as_str() {
                    "openai" => "/v1/chat/completions".to_owned(),
                    "anthropic" => "/v1/messages".to_owned(),
                    other => bail!("no client speaks {other:?}"),
                },
                chat(step, client, model).to_string(),
            ),
            None => (
                filled(step.path.as_deref().context("a path")?, &self.names),
                match (&step.json, &step.body) {
                    (Some(json), _) => replaced(json, &self.names).to_string(),
                    (None, Some(body)) => filled(body, &self.names).repeat(step.repeated.unwrap_or(1)),
                    (None, None) => String::new(),
                },
            ),
        };
        let is_post = step.client.is_some() || step.json.is_some() || step.body.is_some();
        let method = match &step.method {
            Some(method) => method.parse()?,
            None if is_post => Method::POST,
            None => Method::GET,
        };
        let mut headers = HeaderMap::new();
        if is_post {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        self.show(step, &mut headers)?;
        for (name, value) in &step.headers {
            headers.insert(name.parse::<HeaderName>()?, filled(value, &self.names).parse()?);
        }
        Ok(Sent {
            method,
            path,
            headers,
            body: body.into(),
            stalls: step.stalls,
        })
    }

    fn show(&self, step: &Step, headers: &mut HeaderMap) -> Result<()> {
        let who = step.who.as_deref().unwrap_or("member");
        if who == "nobody" {
            return Ok(());
        }
        let secret = self
            .names
            .get(who)
            .and_then(Value::as_str)
            .with_context(|| format!("nobody is called {who:?}"))?;
        let (name, value) = match step.shown.as_deref().unwrap_or("bearer") {
            "bearer" => ("authorization", format!("Bearer {secret}")),
            "x-api-key" => ("x-api-key", secret.to_owned()),
            "cookie" => ("cookie", secret.to_owned()),
            other => bail!("a credential cannot be shown as {other:?}"),
        };
        headers.insert(name, value.parse()?);
        Ok(())
    }

    /// The reply, and whether the client left before its end.
    async fn reply(&self, step: &Step, model: &str, sent: Sent) -> Result<(Reply, bool)> {
        // The provider waits for the release, if its script says so; whoever asks has to come first.
        if let Some(count) = step.release {
            self.home.release(model, count).await?;
        }
        let Some(events) = step.leaves_after else {
            return Ok((self.home.send(sent).await?, false));
        };
        let mut open = begin(&self.home.authority, sent).await?;
        let reply = open.events(events).await?;
        // Under workerd, a client that leaves while the Worker is in the middle of writing is not always noticed.
        tokio::time::sleep(Duration::from_millis(700)).await;
        drop(open);
        // The provider says more, bit by bit, until the home has noticed and reads on for the usage alone.
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            self.home.release(model, 1).await?;
        }
        self.home.release(model, 10_000).await?;
        Ok((reply, true))
    }

    /// Writes a reply down.
    fn note(&mut self, reply: &Reply) {
        self.lines.push(format!("< {}", reply.status));
        for header in normal::reply_headers(&reply.headers) {
            self.lines.push(format!("< {header}"));
        }
        self.lines.push("<".to_owned());
        let body = String::from_utf8_lossy(&reply.body);
        self.lines
            .extend(body.split('\n').map(|line| format!("< {line}")));
        self.lines.push(
            if reply.ended {
                "(the body's end)"
            } else {
                "(no end of the body)"
            }
            .to_owned(),
        );
    }

    /// Waits for the end of everything, and adds what providers and the log have.
    async fn close(mut self, scenario: &Scenario) -> Result<Transcript> {
        let entries = normal::entries(self.settled().await?);
        let (requests, _) = self.home.provided(self.provided_before).await?;
        let (requests, _): (Vec<Value>, Vec<Value>) =
            requests.into_iter().partition(|request| self.is_mine(request));
        for request in &requests {
            self.lines.push(format!(
                "provider got {} {}",
                shown(&request["method"]),
                shown(&request["path"])
            ));
            let mut headers: Vec<String> = request["headers"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|header| normal::is_for_the_provider(&shown(&header[0])))
                .map(|header| format!("provider got {}: {}", shown(&header[0]), shown(&header[1])))
                .collect();
            headers.sort();
            self.lines.extend(headers);
            self.lines
                .push(format!("provider got {}", shown(&request["body"])));
        }
        self.lines
            .extend(entries.iter().map(|entry| format!("log {entry}")));
        let logged: Vec<String> = entries.iter().map(kind_and_code).collect();
        ensure!(
            logged == scenario.log,
            "the log should say {:?} and says {logged:?}",
            scenario.log
        );
        let known = &self.known;
        Ok(self.lines.iter().map(|line| normal::text(line, known)).collect())
    }

    /// The scenario's entries, as soon as every intent has its outcome.
    async fn settled(&self) -> Result<Vec<Value>> {
        let began = Instant::now();
        loop {
            let entries = self.log(self.log_began).await?;
            let count = |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).count();
            if count("ai.intent") == count("ai.outcome") {
                return Ok(entries);
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "an intent gets no outcome: {entries:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The log's entries from `index` on, those of other scenarios left out.
    async fn log(&self, index: u64) -> Result<Vec<Value>> {
        let mut entries = Vec::new();
        let mut from = index;
        loop {
            let page = self
                .ask(Method::GET, &format!("/audit/v1/entries?from={from}"), None)
                .await?;
            let next = page.header("x-workjet-next").context("where to go on")?.parse()?;
            for line in String::from_utf8(page.body.to_vec())?.lines() {
                let mut entry: Value = serde_json::from_str(line)?;
                if !self.is_mine(&entry) {
                    continue;
                }
                // Where it lies depends on the scenarios before.
                entry.as_object_mut().context("an object")?.remove("log");
                entries.push(entry);
            }
            if next == from {
                return Ok(entries);
            }
            from = next;
        }
    }

    /// Whether an entry or a request to a provider came of this scenario.
    fn is_mine(&self, thing: &Value) -> bool {
        let text = thing.to_string();
        let made = |name: &str| name != "owner" && name != "owner_id" && name != "home";
        text.contains(self.model)
            || (self.shares_models && text.contains("tier-"))
            || self.requests.iter().any(|id| text.contains(id))
            || self
                .known
                .iter()
                .any(|(value, name)| made(name) && text.contains(value))
    }

    async fn log_size(&self) -> Result<u64> {
        let page = self
            .ask(Method::GET, "/audit/v1/entries?from=1000000000", None)
            .await?;
        Ok(page
            .header("x-workjet-log-size")
            .context("the log's size")?
            .parse()?)
    }

    /// What the owner asks for, which is no part of the play.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        self.ask(method, path, body).await?.json()
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Reply> {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {}", self.home.owner).parse()?);
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let sent = Sent {
            method,
            path: path.to_owned(),
            headers,
            body: body.map(|body| body.to_string().into()).unwrap_or_default(),
            stalls: false,
        };
        let reply = self.home.send(sent).await?;
        ensure!(
            (200..300).contains(&reply.status),
            "{path}: status {}: {}",
            reply.status,
            String::from_utf8_lossy(&reply.body)
        );
        Ok(reply)
    }
}

/// A chat request in a client's dialect.
fn chat(step: &Step, client: &str, model: &str) -> Value {
    let name = match &step.provider {
        Some(provider) => format!("{provider}:{model}"),
        None => model.to_owned(),
    };
    let text = step.text.as_deref().unwrap_or("Hello");
    let mut body = Map::new();
    body.insert("model".to_owned(), Value::from(name));
    body.insert("messages".to_owned(), json!([{"role": "user", "content": text}]));
    if client == "anthropic" {
        body.insert("max_tokens".to_owned(), Value::from(1000));
    }
    if step.stream {
        body.insert("stream".to_owned(), Value::from(true));
    }
    for (name, value) in &step.with {
        body.insert(name.clone(), value.clone());
    }
    for name in &step.without {
        body.remove(name);
    }
    Value::Object(body)
}

fn check(step: &Step, reply: &Reply) -> Result<()> {
    let body = String::from_utf8_lossy(&reply.body);
    ensure!(
        Some(reply.status) == step.status,
        "status {} instead of {:?}: {body}",
        reply.status,
        step.status
    );
    if let Some(code) = &step.code {
        let wanted = format!("\"code\":\"{code}\"");
        ensure!(body.contains(&wanted), "the code should be {code}: {body}");
    }
    if let Some(says) = &step.says {
        ensure!(body.contains(says), "{says:?} should be there: {body}");
    }
    Ok(())
}

fn kind_and_code(entry: &Value) -> String {
    let kind = shown(&entry["kind"]);
    match entry["code"].as_str() {
        Some(code) => format!("{kind} {code}"),
        None => kind,
    }
}

/// The text at a JSON pointer; `#` behind the pointer means what stands behind that sign.
fn text(value: &Value, pointer: &str) -> Result<String> {
    let place = pointer.trim_end_matches('#');
    let found = value.pointer(place).and_then(Value::as_str);
    let found = found.with_context(|| format!("no {place} in {value}"))?;
    Ok(match found.split_once('#') {
        Some((_, fragment)) if place != pointer => fragment.to_owned(),
        _ => found.to_owned(),
    })
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
