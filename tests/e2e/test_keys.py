"""Keys, users and the command line, beside a gateway that runs."""

import json
import re
import subprocess

import pytest

from callers import caller
from processes import binary, eventually
from raw import body, call, post

KEY = re.compile(r"wj_[a-z]+_[a-z0-9]{8,16}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}")


def key_id(key):
    return key.split("_")[2]


def created(gateway, *arguments):
    """A new key, read from what the command prints."""
    done = gateway.run("key", "create", "--data", gateway.data, *arguments)
    keys = KEY.findall(done.stdout)
    assert len(keys) == 1, done.stdout
    return keys[0]


def test_the_first_start_makes_a_tenant_an_owner_and_a_key(gateway):
    announced = gateway.announced
    assert announced["tenant"] == "default"
    assert KEY.fullmatch(announced["key"])
    assert announced["user"] and announced["password"]
    assert announced["url"].startswith("https://127.0.0.1:")


def test_a_key_made_while_the_gateway_runs_works_at_once(mock, gateway, dialect):
    key = created(gateway, "--name", "second")
    assert post(gateway, dialect, body(dialect, f"{dialect}:{mock.says('ok')}"), key=key).status == 200
    listed = gateway.run("key", "list", "--data", gateway.data).stdout
    assert key_id(key) in listed and "second" in listed
    assert key not in listed, "a raw key is shown once"
    assert any(e["kind"] == "admin.key.created" for e in gateway.entries())


def test_a_revoked_key_is_refused_at_once(mock, gateway, dialect):
    key = created(gateway, "--name", "doomed")
    model = mock.says("ok")
    sent = body(dialect, f"{dialect}:{model}")
    assert post(gateway, dialect, sent, key=key).status == 200
    gateway.run("key", "revoke", key_id(key), "--data", gateway.data)
    assert post(gateway, dialect, sent, key=key).status == 401
    assert len(mock.requests(model)) == 1
    assert any(e["kind"] == "admin.key.revoked" for e in gateway.entries())


def test_a_rotated_key_has_a_successor(mock, gateway, dialect):
    old = created(gateway, "--name", "old")
    done = gateway.run("key", "rotate", key_id(old), "--data", gateway.data)
    [new] = KEY.findall(done.stdout)
    assert new != old
    assert post(gateway, dialect, body(dialect, f"{dialect}:{mock.says('ok')}"), key=new).status == 200


def test_unknown_keys_and_commands_are_errors(gateway):
    done = gateway.run("key", "revoke", "nosuchkey1", "--data", gateway.data, check=False)
    assert done.returncode != 0 and done.stderr
    assert gateway.run("key", "dance", check=False).returncode == 2


def test_commands_find_the_data_folder_by_configuration(gateway):
    assert key_id(gateway.key) in gateway.run("key", "list", "--config", gateway.config).stdout


def test_users_log_in_and_out(gateway):
    login = {"email": gateway.announced["user"], "password": gateway.announced["password"]}
    headers = {"sec-fetch-site": "same-origin"}
    reply = call(gateway, "POST", "/auth/login", login, key=None, headers=headers)
    assert reply.status == 200, reply.text
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("__Host-workjet=")
    for attribute in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"):
        assert attribute in cookie
    assert "domain" not in cookie.lower()
    headers["cookie"] = cookie.split(";")[0]
    me = call(gateway, "GET", "/auth/me", key=None, headers=headers)
    assert (me.status, me.json["user"]["role"]) == (200, "owner")
    assert call(gateway, "GET", "/v1/models", key=None, headers=headers).status == 200
    crossing = headers | {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert call(gateway, "POST", "/auth/logout", b"", key=None, headers=crossing).status == 403
    assert call(gateway, "POST", "/auth/logout", b"", key=None, headers=headers).status in (200, 204)
    assert call(gateway, "GET", "/auth/me", key=None, headers=headers).status == 401


@pytest.mark.parametrize("login", ["nobody@example.com", None], ids=["unknown user", "wrong password"])
def test_a_failed_login_says_the_same_for_all(gateway, login):
    attempt = {"email": login or gateway.announced["user"], "password": "not the password at all"}
    reply = call(gateway, "POST", "/auth/login", attempt, key=None, headers={"sec-fetch-site": "same-origin"})
    assert reply.status == 401
    assert "set-cookie" not in reply.headers
    assert "not the password" not in reply.text
    if login:
        other = call(gateway, "POST", "/auth/login", attempt | {"email": gateway.announced["user"]}, key=None,
                     headers={"sec-fetch-site": "same-origin"})
        assert other.json["error"]["message"] == reply.json["error"]["message"]


def test_a_disabled_users_keys_and_sessions_end(mock, gateway):
    password = "correct horse battery staple"
    gateway.run("user", "create", "mira@example.com", "--role", "member", "--password-stdin",
                "--data", gateway.data, stdin=password)
    assert "mira@example.com" in gateway.run("user", "list", "--data", gateway.data).stdout
    key = created(gateway, "--user", "mira@example.com")
    headers = {"sec-fetch-site": "same-origin"}
    login = {"email": "mira@example.com", "password": password}
    reply = call(gateway, "POST", "/auth/login", login, key=None, headers=headers)
    headers["cookie"] = reply.headers["set-cookie"].split(";")[0]
    assert call(gateway, "GET", "/v1/models", key=key).status == 200
    assert call(gateway, "GET", "/auth/me", key=None, headers=headers).status == 200

    gateway.run("user", "disable", "mira@example.com", "--data", gateway.data)
    assert call(gateway, "GET", "/v1/models", key=key).status == 401
    assert call(gateway, "GET", "/auth/me", key=None, headers=headers).status == 401
    assert call(gateway, "POST", "/auth/login", login, key=None, headers=headers).status == 401


def test_bad_configurations_are_refused_with_file_and_line(tmp_path):
    cases = {
        'listen = "127.0.0.1:0"\nlisteen = "x"\n': "2",
        '[[tier]]\nname = "fast"\ntargets = ["nowhere:model"]\n': "3",
        '[[dlp.custom]]\nname = "bad"\npattern = "("\n': "3",
        'listen = "0.0.0.0:0"\n[tls]\nmode = "off"\n': "",
        '[[provider]]\nname = "p"\nkind = "openai"\nbase_url = "http://example.com/v1"\n': "4",
    }
    for number, (text, line) in enumerate(cases.items()):
        config = tmp_path / f"bad{number}.toml"
        config.write_text(text)
        done = subprocess.run(
            [binary("workjet"), "serve", "--config", config, "--data", tmp_path / "data"],
            capture_output=True, text=True, timeout=60,
        )
        assert done.returncode != 0, text
        assert f"bad{number}.toml:{line}" in done.stderr, done.stderr
        assert not (tmp_path / "data").exists(), "refused before anything is made"


def test_two_gateways_do_not_share_a_data_folder(mock, own_gateway):
    first = own_gateway()
    second = subprocess.run(
        [binary("workjet"), "serve", "--data", first.data, "--listen", "127.0.0.1:0", "--announce", "json"],
        capture_output=True, text=True, timeout=60,
    )
    assert second.returncode != 0
    assert second.stderr
    assert post(first, "openai", body("openai", f"openai:{mock.says('ok')}")).status == 200


def test_files_of_the_data_folder_are_the_owners_alone(gateway):
    loose = [
        path for path in gateway.data.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o077 and any(w in path.name for w in ("key", "sqlite", ".db"))
        and "pem" not in path.name
    ]
    assert loose == []


def test_the_gateway_reports_ready(gateway):
    eventually("ready", lambda: call(gateway, "GET", "/readyz", key=None).status == 200)


def test_the_sdks_list_models(gateway, dialect):
    assert isinstance(list(caller(dialect, gateway).client.models.list()), list)
    assert json.dumps(call(gateway, "GET", "/v1/models").json)
