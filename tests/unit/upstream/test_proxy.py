"""The usual environment variables decide which proxy a request goes through."""

import pytest

from xroute.errors import ConfigError
from xroute.upstream.head import Origin
from xroute.upstream.proxy import Proxy, ProxyRules, read_proxies

A, B, C = Proxy("a", 1), Proxy("b", 2), Proxy("c", 3)


def find(environ, host="api.example.com", scheme="https", port=443):
    return read_proxies(environ).find(Origin(scheme, host, port))


def test_nothing_set_means_no_proxy():
    assert read_proxies({"NO_PROXY": ""}) == ProxyRules()
    assert find({"HTTPS_PROXY": " "}) is None


def test_each_scheme_has_its_proxy_and_all_proxy_is_for_the_rest():
    environ = {"HTTP_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:2", "ALL_PROXY": "http://c:3"}
    assert (find(environ, scheme="http"), find(environ)) == (A, B)
    del environ["HTTPS_PROXY"]
    assert find(environ) == C


def test_the_lower_case_name_wins():
    assert find({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"}) == B


@pytest.mark.parametrize(
    "value, host, port",
    [("http://p", "p", 80), ("p:3128", "p", 3128), ("HTTP://P:8/", "p", 8), ("http://[::1]:9", "::1", 9)],
)
def test_the_forms_of_a_proxy(value, host, port):
    assert find({"ALL_PROXY": value}) == Proxy(host, port)


def test_a_password_is_decoded_and_not_shown():
    proxy = find({"ALL_PROXY": "http://user:p%40ss@p:1"})
    assert proxy is not None
    assert proxy.headers == (("proxy-authorization", "Basic dXNlcjpwQHNz"),)
    assert "dXNl" not in repr(proxy)


@pytest.mark.parametrize("value", ["socks5://u:secret@p:1", "socks4://p", "socks5h://p:1"])
def test_socks_is_refused_in_so_many_words(value):
    with pytest.raises(ConfigError, match="all_proxy: SOCKS proxies are not supported") as caught:
        read_proxies({"all_proxy": value})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["https://u:secret@p:1", "http://u:secret@p:x", "http://", "http://u:secret@:8"]
)
def test_a_proxy_that_cannot_be_used_is_refused(value):
    with pytest.raises(ConfigError, match="HTTPS_PROXY") as caught:
        read_proxies({"HTTPS_PROXY": value})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "rule, host, port, direct",
    [
        ("*", "api.example.com", 443, True),
        ("example.com", "example.com", 443, True),
        ("example.com", "api.example.com", 443, True),
        ("example.com", "notexample.com", 443, False),
        (".example.com", "api.example.com", 443, True),
        ("*.example.com", "api.example.com", 443, True),
        ("EXAMPLE.com", "api.example.com", 443, True),
        ("api.example.com", "example.com", 443, False),
        ("example.com:443", "api.example.com", 443, True),
        ("example.com:8443", "api.example.com", 443, False),
        ("other.org, example.com", "api.example.com", 443, True),
        ("other.org example.com", "api.example.com", 443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.0/8", "ten.example.com", 443, False),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("10.1.2.3:80", "10.1.2.3", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("fd00::1", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("[fd00::1]:80", "fd00::1", 443, False),
        ("[fd00::1]", "fd00::1", 443, True),
        ("10.0.0.0/8", "fd00::1", 443, False),
    ],
)
def test_no_proxy(rule, host, port, direct):
    proxy = find({"ALL_PROXY": "http://a:1", "NO_PROXY": rule}, host, "https", port)
    assert proxy == (None if direct else A)


@pytest.mark.parametrize("host", ["localhost", "x.localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_is_never_behind_a_proxy(host):
    assert find({"ALL_PROXY": "http://a:1"}, host, "http", 80) is None
