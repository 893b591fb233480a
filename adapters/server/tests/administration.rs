//! Tenants, users, keys and the log, from the command line and while the gateway runs.

mod common;

use common::{Gateway, eventually, exported, folder, kinds, path, run, run_with, stdout_of, text};
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[tokio::test]
async fn keys_come_and_go_while_the_gateway_runs() {
    let dir = folder();
    let gateway = Gateway::start(dir.path(), None);
    let (client, data) = (gateway.client(), dir.path().join("data"));
    let data = path(&data);

    let key = stdout_of(&["key", "create", "--name", "ci", "--data", data]);
    let key = key.trim();
    assert_eq!(client.chat(key, "hello").await.status, 200);

    let listed = stdout_of(&["key", "list", "--json", "--data", data]);
    assert!(
        !listed.contains(key.rsplit('_').nth(1).expect("the secret part")),
        "a list shows no key"
    );
    let id = key.split('_').nth(2).expect("the id");
    let ci = lines(&listed)
        .into_iter()
        .find(|key| key["id"] == id)
        .expect("the new key");
    assert_eq!((&ci["name"], &ci["state"]), (&json!("ci"), &json!("active")));

    let rotated = stdout_of(&["key", "rotate", id, "--grace", "0", "--data", data]);
    assert_eq!(client.chat(rotated.trim(), "hello").await.status, 200);
    assert_eq!(
        client.chat(key, "hello").await.status,
        401,
        "the old one ended at once"
    );

    let new_id = rotated.trim().split('_').nth(2).expect("the id").to_owned();
    stdout_of(&["key", "revoke", &new_id, "--data", data]);
    assert_eq!(client.chat(rotated.trim(), "hello").await.status, 401);
    assert_eq!(
        run(&["key", "revoke", &new_id, "--data", data]).status.code(),
        Some(2),
        "revoked before"
    );

    let entries = exported(dir.path().join("data").as_path());
    let kinds = kinds(&entries);
    for kind in [
        "admin.key.created",
        "admin.key.rotated",
        "admin.key.revoked",
        "system.exported",
    ] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    assert!(
        entries.iter().all(|entry| !entry.to_string().contains(key)),
        "no key in the log"
    );
    gateway.stop();
}

#[tokio::test]
async fn disabled_user_and_tenant_are_refused_at_once() {
    let dir = folder();
    let gateway = Gateway::start(dir.path(), None);
    let (client, data) = (gateway.client(), dir.path().join("data"));
    let data = path(&data);
    stdout_of(&["tenant", "create", "acme", "--name", "Acme", "--data", data]);
    stdout_of(&[
        "user",
        "create",
        "ada@acme.example",
        "--tenant",
        "acme",
        "--data",
        data,
    ]);
    let key = stdout_of(&[
        "key",
        "create",
        "--user",
        "ada@acme.example",
        "--tenant",
        "acme",
        "--data",
        data,
    ]);
    let models = async || client.get("/v1/models", Some(key.trim())).await.status;
    assert_eq!(models().await, 200);

    stdout_of(&[
        "user",
        "disable",
        "ada@acme.example",
        "--tenant",
        "acme",
        "--data",
        data,
    ]);
    assert_eq!(models().await, 401);
    stdout_of(&[
        "user",
        "enable",
        "ada@acme.example",
        "--tenant",
        "acme",
        "--data",
        data,
    ]);
    assert_eq!(models().await, 200);
    stdout_of(&["tenant", "disable", "acme", "--data", data]);
    assert_eq!(models().await, 401);

    let tenants = lines(&stdout_of(&["tenant", "list", "--json", "--data", data]));
    assert_eq!(
        tenants.iter().map(|tenant| &tenant["id"]).collect::<Vec<_>>(),
        ["acme", "default"]
    );
    assert_eq!(tenants[0]["disabled"], true);

    // Another tenant's user is as absent as one that never was.
    let foreign = run(&["key", "create", "--user", "ada@acme.example", "--data", data]);
    assert_eq!(foreign.status.code(), Some(2));
    gateway.stop();
}

#[tokio::test]
async fn passwords_are_set_from_the_command_line() {
    let dir = folder();
    let gateway = Gateway::start(dir.path(), None);
    let (client, data) = (gateway.client(), dir.path().join("data"));
    let data = path(&data);
    let login = async |password: &str| {
        let body = json!({"email": gateway.said("user"), "password": password});
        client.post("/auth/login", None, &body).await.status
    };
    assert_eq!(login(gateway.said("password")).await, 200);

    let args = [
        "user",
        "password",
        gateway.said("user"),
        "--password-stdin",
        "--data",
        data,
    ];
    let short = run_with(&args, b"short\n");
    assert_eq!(short.status.code(), Some(2));
    assert!(
        !text(&short.stderr).contains("short\n"),
        "{}",
        text(&short.stderr)
    );
    let output = run_with(&args, b"correct horse battery\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(login(gateway.said("password")).await, 401);
    assert_eq!(login("correct horse battery").await, 200);

    let made_up = stdout_of(&["user", "password", gateway.said("user"), "--data", data]);
    assert_eq!(login(made_up.trim()).await, 200);
    gateway.stop();
}

#[test]
fn export_takes_a_time_range_and_names_places_in_the_log() {
    let dir = folder();
    Gateway::start(dir.path(), None).stop();
    let data = dir.path().join("data");
    let entries = exported(&data);
    assert!(
        entries
            .iter()
            .enumerate()
            .all(|(index, entry)| entry["log"] == json!({"index": index}))
    );
    assert!(kinds(&entries).starts_with(&[
        "admin.tenant.created",
        "admin.user.created",
        "admin.key.created"
    ]));

    let none = stdout_of(&[
        "audit",
        "export",
        "--data",
        path(&data),
        "--to",
        "2001-01-01T00:00:00Z",
    ]);
    assert_eq!(none, "");
    let all = stdout_of(&[
        "audit",
        "export",
        "--data",
        path(&data),
        "--from",
        "2001-01-01T00:00:00Z",
    ]);
    assert!(all.lines().count() > entries.len());

    let later = run(&["audit", "export", "--data", path(&data), "--format", "ocsf"]);
    assert_eq!(later.status.code(), Some(2));
    assert!(text(&later.stderr).contains("later"));
    let unknown = run(&["audit", "export", "--data", path(&data), "--tenant", "nobody"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[tokio::test]
async fn changes_of_other_processes_are_logged_without_any_request() {
    let dir = folder();
    let gateway = Gateway::start(dir.path(), None);
    let data = dir.path().join("data");
    stdout_of(&[
        "user",
        "create",
        "bob@example.com",
        "--role",
        "auditor",
        "--data",
        path(&data),
    ]);
    let journal = data.join("audit/default/journal");
    eventually(async || {
        let log = std::fs::read(&journal).expect("the journal");
        String::from_utf8_lossy(&log)
            .matches("admin.user.created")
            .count()
            == 2
    })
    .await;
    gateway.stop();
}

#[test]
fn commands_say_so_if_there_is_no_data_folder() {
    let dir = folder();
    let absent = dir.path().join("absent");
    let output = run(&["key", "list", "--data", path(&absent)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--data"));
    assert!(!absent.exists());
}
