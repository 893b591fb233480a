"""One mock and one gateway for all tests that share their configuration."""

import os

import pytest

from callers import caller
from processes import Gateway, Mock, configuration
from worker import Pool

CLIENTS = ["openai", "anthropic"]
PROVIDERS = ["openai", "anthropic", "google", "ollama"]

# What is about the server alone, with the reason: by file, or by file and test.
SERVERS_OWN = {
    "test_commands.py": "the command line",
    "test_mocks.py": "the mock providers, which the server's run has tested",
    "test_hostile.py::test_plain_http_and_tls_1_2_are_refused": "TLS in front of a Worker is Cloudflare's",
    "test_hostile.py::test_the_certificate_is_for_this_machine_and_pinned_by_its_key": "TLS is Cloudflare's",
    "test_audit.py::test_a_killed_gateway_closes_its_intents_as_unknown": "kills a process",
    "test_audit.py::test_what_was_answered_is_in_the_log_after_a_kill": "kills a process",
    "test_audit.py::test_a_stopped_gateway_finishes_what_it_has_begun": "stops a process",
    "test_audit.py::test_a_sound_log_verifies_while_the_gateway_runs": "the command line",
    "test_audit.py::test_a_changed_byte_anywhere_is_seen": "the log's files",
    "test_audit.py::test_a_changed_or_missing_entry_is_seen": "the log's files",
    "test_audit.py::test_a_shortened_log_is_seen": "the log's files",
    "test_audit.py::test_verify_of_something_else_is_an_error": "the command line",
    "test_audit.py::test_exports_can_be_cut_by_time_and_have_formats": "the command line",
    "test_audit.py::test_other_formats_say_one_thing_an_entry": "the command line",
    "test_audit.py::test_nothing_is_forwarded_that_cannot_be_recorded": "fills a disk",
    "test_audit.py::test_a_reply_whose_outcome_cannot_be_written_is_an_error": "fills a disk",
    "test_keys.py::test_the_first_start_makes_a_tenant_an_owner_and_a_key": "a Worker is bootstrapped instead",
    "test_keys.py::test_a_key_made_while_the_gateway_runs_works_at_once": "the command line",
    "test_keys.py::test_a_revoked_key_is_refused_at_once": "the command line",
    "test_keys.py::test_a_rotated_key_has_a_successor": "the command line",
    "test_keys.py::test_unknown_keys_and_commands_are_errors": "the command line",
    "test_keys.py::test_commands_find_the_data_folder_by_configuration": "the command line",
    "test_keys.py::test_users_log_in_and_out": "a Worker has no passwords",
    "test_keys.py::test_a_failed_login_says_the_same_for_all": "a Worker has no passwords",
    "test_keys.py::test_a_disabled_users_keys_and_sessions_end": "the command line, and passwords",
    "test_keys.py::test_bad_configurations_are_refused_with_file_and_line": "the command line",
    "test_keys.py::test_two_gateways_do_not_share_a_data_folder": "a data folder",
    "test_keys.py::test_files_of_the_data_folder_are_the_owners_alone": "a data folder",
}


def pytest_addoption(parser):
    parser.addoption(
        "--home", choices=["server", "worker"], default=os.environ.get("WORKJET_HOME", "server"),
        help="which gateway is tested: the server's binary, or the Worker under workerd",
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("home") == "server":
        return
    used = set()
    for item in items:
        file = item.path.name
        for name in (file, f"{file}::{item.originalname}"):
            if name in SERVERS_OWN:
                used.add(name)
                item.add_marker(pytest.mark.skip(reason=f"the server's own: {SERVERS_OWN[name]}"))
    whole = not config.args or all(os.path.isdir(argument) for argument in config.args)
    assert not whole or used == set(SERVERS_OWN), f"no such tests: {set(SERVERS_OWN) - used}"


@pytest.fixture(scope="session")
def mock():
    mock = Mock()
    yield mock
    mock.stop()


@pytest.fixture(scope="session")
def workers(pytestconfig):
    """The Workers that run; nothing when the server is tested."""
    if pytestconfig.getoption("home") == "server":
        yield None
        return
    pool = Pool()
    yield pool
    pool.stop()


@pytest.fixture(scope="session")
def gateway(mock, workers, tmp_path_factory):
    """The gateway with its defaults: every detector redacts, in both directions."""
    if workers:
        yield workers.worker(configuration(mock), keep=True)
        return
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), configuration(mock)).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def configured_gateway(workers, tmp_path):
    """Starts gateways with these configurations; they are stopped after the test."""
    started = []

    def start(text, name="gateway"):
        gateway = workers.worker(text) if workers else Gateway(tmp_path / name, text)
        started.append(gateway)
        return gateway if workers else gateway.start()

    yield start
    for gateway in started:
        gateway.stop()


@pytest.fixture
def own_gateway(mock, configured_gateway):
    """Starts gateways with the mock providers and something more."""

    def start(extra="", top="", name="gateway"):
        return configured_gateway(configuration(mock, extra, top), name)

    return start


@pytest.fixture(params=CLIENTS)
def dialect(request):
    """The client's dialect."""
    return request.param


@pytest.fixture(params=PROVIDERS)
def provider(request):
    """The provider's dialect, and its name in the configuration."""
    return request.param


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def stream(request):
    return request.param


@pytest.fixture
def client(dialect, gateway):
    return caller(dialect, gateway)
