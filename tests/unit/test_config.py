"""Settings are checked at the start, all at once, and errors never show a value."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from chat_lookup.config import EventsTeach, from_environ
from chat_lookup.errors import ServiceMisconfigured
from local.net.certificates import Authority

GOOD = {"PORTAL_TABLE": "stack-PortalTable-1", "CACHE_TABLE": "stack-CacheTable-1", "SECRET_PREFIX": "stack"}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def test_deployed_environment_is_read() -> None:
    settings = from_environ(GOOD | {"LOCAL_HOSTS": "", "CA_PEM": "", "AWS_ENDPOINT_URL": ""})
    assert settings.portal_table == "stack-PortalTable-1"
    assert settings.cache_table == "stack-CacheTable-1"
    assert settings.secret_prefix == "stack"
    assert (settings.local_hosts, settings.ca_pem, settings.endpoint_url) == (frozenset(), "", None)


def test_local_environment_is_read() -> None:
    settings = from_environ(
        GOOD
        | {"LOCAL_HOSTS": "Localhost:3010, 127.0.0.1:3010", "CA_PEM": PEM, "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    )
    assert settings.local_hosts == {"localhost:3010", "127.0.0.1:3010"}
    assert (settings.ca_pem, settings.endpoint_url) == (PEM, "http://127.0.0.1:4566")


def test_error_names_every_invalid_variable_at_once() -> None:
    with pytest.raises(ServiceMisconfigured) as raised:
        from_environ({"CACHE_TABLE": "no such/name", "LOCAL_HOSTS": "no-port", "CA_PEM": "x", "AWS_ENDPOINT_URL": "y"})
    for name in ("PORTAL_TABLE", "CACHE_TABLE", "SECRET_PREFIX", "LOCAL_HOSTS", "CA_PEM", "AWS_ENDPOINT_URL"):
        assert name in str(raised.value)


@pytest.mark.parametrize("name", ["PORTAL_TABLE", "CACHE_TABLE", "SECRET_PREFIX", "LOCAL_HOSTS", "CA_PEM"])
def test_error_does_not_show_the_value(name: str) -> None:
    with pytest.raises(ServiceMisconfigured) as raised:
        from_environ(GOOD | {name: "canary value?"})
    assert name in str(raised.value)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("hosts", ["*:443", "10.0.0.0/8", "localhost", "localhost:", "localhost:port", "a:1;b:2"])
def test_only_exact_hosts_with_ports_are_exempt_from_the_address_check(hosts: str) -> None:
    with pytest.raises(ServiceMisconfigured, match="LOCAL_HOSTS"):
        from_environ(GOOD | {"LOCAL_HOSTS": hosts})


def test_settings_of_installations_are_read() -> None:
    settings = from_environ(
        GOOD
        | {
            "PUBLIC_URL": "https://chats.acme.example/",
            "INSTALL_MEMBERS": "f0e1d2c3b4a5968778695a4b3c2d1e0f, 0123",
            "PRIVATE_PORTALS": "Portal.Acme.example:443",
        }
    )
    assert settings.public_url == "https://chats.acme.example"
    assert settings.install_members == {"f0e1d2c3b4a5968778695a4b3c2d1e0f", "0123"}
    assert settings.private_portals == {"portal.acme.example:443"}


def test_settings_of_installations_are_optional() -> None:
    settings = from_environ(GOOD)
    assert (settings.public_url, settings.install_members, settings.private_portals) == ("", frozenset(), frozenset())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "http://chats.acme.example"),
        ("PUBLIC_URL", "https://chats.acme.example/path"),
        ("PUBLIC_URL", "https://user@chats.acme.example"),
        ("INSTALL_MEMBERS", "a b"),
        ("INSTALL_MEMBERS", "../x"),
        ("PRIVATE_PORTALS", "portal.acme.example"),
        ("PRIVATE_PORTALS", "10.0.0.0/8"),
        ("AUTHORISATION_SERVERS", "https://oauth.acme.example"),
        ("AUTHORISATION_SERVERS", "oauth.acme.example/rest"),
        ("AUTHORISATION_SERVERS", "*"),
        ("PORTAL_CA", "MIIB"),
        ("PORTAL_CA", PEM + "x"),
        ("PORTAL_CA", PEM.replace("MIIB", "")),
        ("PORTAL_CA", PEM.replace("CERTIFICATE", "PRIVATE KEY")),
        ("PORTAL_CA", PEM.replace("MIIB", "A" * 2048)),
    ],
)
def test_invalid_setting_of_installations_is_named(name: str, value: str) -> None:
    with pytest.raises(ServiceMisconfigured, match=name):
        from_environ(GOOD | {name: value})


def test_authorisation_servers_have_the_usual_port_unless_they_name_one() -> None:
    settings = from_environ(GOOD | {"AUTHORISATION_SERVERS": "OAuth.Acme.example, b24.acme.example:8443"})
    assert settings.authorisation_servers == {"oauth.acme.example:443", "b24.acme.example:8443"}
    assert from_environ(GOOD).authorisation_servers == frozenset()


@pytest.mark.parametrize(
    "change", [str, lambda pem: " ".join(pem.split("\n")), lambda pem: pem.replace("\n", "\r\n"), str.strip]
)
def test_authority_of_portals_is_the_same_certificate_whatever_became_of_its_line_ends(
    change: Callable[[str], str], tmp_path: Path
) -> None:
    pem = Authority(tmp_path).ca_pem
    read = from_environ(GOOD | {"PORTAL_CA": change(pem + pem)}).ca_pem
    blocks = read.split("-----BEGIN CERTIFICATE-----")[1:]
    certificates = {ssl.PEM_cert_to_DER_cert("-----BEGIN CERTIFICATE-----" + each.rstrip()) for each in blocks}
    assert (len(blocks), certificates) == (2, {ssl.PEM_cert_to_DER_cert(pem)})
    ssl.create_default_context(cadata=read)
    both = from_environ(GOOD | {"PORTAL_CA": change(pem), "CA_PEM": PEM}).ca_pem
    assert both.startswith(PEM)
    assert both.count("BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("arn", ["", "arn:aws:kms:eu-central-1:123456789012:key/mrk-0a1b2c3d"])
def test_key_of_the_secrets_is_optional(arn: str) -> None:
    assert from_environ(GOOD | {"KEY_ARN": arn}).key_arn == arn


def test_alias_of_a_key_is_refused_because_policies_cannot_name_it() -> None:
    with pytest.raises(ServiceMisconfigured, match="KEY_ARN"):
        from_environ(GOOD | {"KEY_ARN": "arn:aws:kms:eu-central-1:123456789012:alias/chats"})


# -- events ------------------------------------------------------------------------------------------------------------

QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/stack-EventQueue-1"


def test_settings_of_events_are_read() -> None:
    settings = from_environ(
        GOOD
        | {
            "EVENT_QUEUE_URL": QUEUE,
            "DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:4566/123456789012/DeadLetterQueue",
            "WORKER_FUNCTION": "stack-WorkerFunction-1",
            "EVENT_BUS": "default",
            "PUBLISH_TEXT": "true",
        }
    )
    assert settings.event_queue_url == QUEUE
    assert settings.dead_letter_queue_url == "http://127.0.0.1:4566/123456789012/DeadLetterQueue"
    assert (settings.worker_function, settings.event_bus, settings.publish_text) == (
        "stack-WorkerFunction-1",
        "default",
        True,
    )


@pytest.mark.parametrize("teach", list(EventsTeach))
def test_what_events_teach_is_one_of_three_words(teach: EventsTeach) -> None:
    assert from_environ(GOOD | {"EVENTS_TEACH": teach.value}).events_teach is teach


@pytest.mark.parametrize("unset", [{}, {"EVENTS_TEACH": ""}])
def test_events_are_hints_where_nothing_else_is_set(unset: dict[str, str]) -> None:
    assert from_environ(GOOD | unset).events_teach is EventsTeach.HINT


@pytest.mark.parametrize("publish", [{}, {"PUBLISH_TEXT": ""}, {"PUBLISH_TEXT": "false"}])
def test_settings_of_events_are_optional(publish: dict[str, str]) -> None:
    settings = from_environ(GOOD | publish)
    assert (settings.event_queue_url, settings.dead_letter_queue_url, settings.worker_function) == ("", "", "")
    assert (settings.event_bus, settings.publish_text) == ("", False)


@pytest.mark.parametrize(
    "name", ["EVENT_QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "WORKER_FUNCTION", "EVENT_BUS", "PUBLISH_TEXT", "EVENTS_TEACH"]
)
@pytest.mark.parametrize("value", ["canary value?", "True ", "https://sqs.eu-central-1.amazonaws.com/queue?x=1"])
def test_invalid_setting_of_events_is_named_without_its_value(name: str, value: str) -> None:
    with pytest.raises(ServiceMisconfigured) as raised:
        from_environ(GOOD | {name: value})
    assert name in str(raised.value)
    assert value not in str(raised.value)
