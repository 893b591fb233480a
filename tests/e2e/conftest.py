"""One mock and one gateway for all tests that share their configuration."""

import pytest

from callers import caller
from processes import Gateway, Mock

CLIENTS = ["openai", "anthropic"]
PROVIDERS = ["openai", "anthropic", "google", "ollama"]


@pytest.fixture(scope="session")
def mock():
    mock = Mock()
    yield mock
    mock.stop()


@pytest.fixture(scope="session")
def gateway(mock, tmp_path_factory):
    """The gateway with its defaults: every detector redacts, in both directions."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), mock).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def own_gateway(mock, tmp_path):
    """Starts gateways with a configuration of their own; they are stopped after the test."""
    started = []

    def start(extra="", top="", name="gateway"):
        gateway = Gateway(tmp_path / name, mock, extra, top)
        started.append(gateway)
        return gateway.start()

    yield start
    for gateway in started:
        gateway.stop()


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
