"""Wherever a server wants to send us, what is asked next is a path on our own server, or nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ConfigError, ServerError
from pipelines.sources.origin import origin_of

WHERE = "xlsforms/sources.yml, source 'kobo'"
KOBO = origin_of("https://kobo.example.org", where=WHERE)

ASTRAY = {
    "another host": "https://evil.example.net/api/",
    "a longer host": "https://kobo.example.org.evil.example.net/api/",
    "another port": "https://kobo.example.org:8443/api/",
    "no encryption": "http://kobo.example.org/api/",
    "another scheme": "ftp://kobo.example.org/api/",
    "a user that looks like a host": "https://kobo.example.org@evil.example.net/api/",
    "a user": "https://imo:secret@kobo.example.org/api/",
    "a host without scheme": "//evil.example.net/api/",
    "backslashes": "\\\\evil.example.net\\api",
    "a slash and a backslash": "/\\evil.example.net/api/",
    "letters that look alike": "https://k\u043ebo.example.org/api/",
    "the same in ASCII": "https://xn--kbo-8cd.example.org/api/",
    "a dot behind the host": "https://kobo.example.org./api/",
    "an address as one number": "https://2130706433/api/",
    "an address in octal": "https://0177.0.0.1/api/",
    "an address of IPv6 that is one of IPv4": "https://[::ffff:127.0.0.1]/api/",
    "this machine": "https://127.0.0.1/api/",
    "the machine's own cloud": "http://169.254.169.254/latest/meta-data/",
    "a private network": "https://10.0.0.1/api/",
    "a line break": "https://kobo.example.org\n.evil.example.net/",
    "a blank": "https://kobo.example.org /api/",
    "no port": "https://kobo.example.org:port/api/",
    "port 0": "https://kobo.example.org:0/api/",
    "brackets": "https://[kobo.example.org]/api/",
    "a file": "file:///etc/passwd",
    "two slashes behind the host": "https://kobo.example.org//evil.example.net/api/",
    "nothing": "",
    "no path": "api/v2/",
}


@pytest.mark.parametrize("how", ASTRAY)
def test_k10_an_address_that_leads_astray_is_refused(how: str) -> None:
    with pytest.raises(ServerError, match="which we do not follow"):
        KOBO.path_of(ASTRAY[how])


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://kobo.example.org/api/v2/?start=3&limit=1", "/api/v2/?start=3&limit=1"),
        ("https://kobo.example.org:443/api/", "/api/"),
        ("HTTPS://KOBO.example.org/API/", "/API/"),
        ("/api/v2/", "/api/v2/"),
        ("/media/%D8%AE.jpg#part", "/media/%D8%AE.jpg"),
    ],
)
def test_an_address_on_our_own_server_becomes_its_path(url: str, path: str) -> None:
    assert KOBO.path_of(url) == path


def test_a_server_below_a_path_is_asked_below_it() -> None:
    below = origin_of("https://host.example.org/kobo/", where=WHERE)
    assert str(below) == "https://host.example.org/kobo"
    assert below.path_of("https://host.example.org/kobo/api/?a=1") == "/api/?a=1"
    with pytest.raises(ServerError):
        below.path_of("https://host.example.org/kobold/api/")


@settings(max_examples=60, deadline=None)
@given(st.text(), st.sampled_from(["", "https://", "//", "/", "https://kobo.example.org", "https://kobo.example.org/"]))
def test_k10_whatever_a_server_writes_is_a_path_of_ours_or_refused(written: str, before: str) -> None:
    try:
        path = KOBO.path_of(before + written)
    except ServerError:
        return
    assert path.startswith("/")
    assert not path.startswith("//")
    assert str(origin_of(f"https://kobo.example.org{path.partition('?')[0]}", where=WHERE)).startswith(str(KOBO))


@pytest.mark.parametrize(
    "url", ["kobo.example.org", "https://", "https://a@b.example.org", "https://b.example.org/?q", ""]
)
def test_a_source_without_a_proper_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"no http\(s\) address"):
        origin_of(url, where=WHERE)
