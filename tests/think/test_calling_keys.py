"""Where does a key go, and where does it never stand?"""

import datetime as dt
import ipaddress
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agentkit.think.providers import FAILED, OK, REFUSED, REJECTED
from tests.think.providers import LIMIT_S, call, make_answer, make_provider, say, start_bad_server
from tests.vault.ownvault import OwnVault

NAME = "think/provider"
REASON = "disk-full: wake"
# Calls a provider that hangs, as `think wake` does.
CALLER = """
import os, sys
from datetime import timedelta
from tests.think.providers import call, make_provider
call(make_provider(sys.argv[1], key="secret:think/provider"), dict(os.environ), limit=timedelta(seconds=60))
"""


@pytest.fixture
def key() -> str:
    return "sk-" + os.urandom(20).hex()


@pytest.fixture
def vault(tmp_path: Path, key: str) -> OwnVault:
    own = OwnVault(tmp_path / "vault")
    own.set(NAME, key.encode())
    return own


@pytest.mark.parametrize(("kind", "header"), [("openai", "Authorization: Bearer {}"), ("anthropic", "x-api-key: {}")])
def test_a_key_is_in_its_header_and_in_no_other_word(
    tmp_path: Path, vault: OwnVault, key: str, kind: str, header: str
) -> None:
    answer = {**say("yes"), "content": [{"type": "text", "text": "yes"}]}
    with start_bad_server(tmp_path, "plain", make_answer(answer)) as server:
        provider = make_provider(server.url(), kind=kind, key=f"secret:{NAME}")
        reply = call(provider, vault.environ, reason=REASON)
        assert reply.text == "yes", reply
        assert f"\r\n{header.format(key)}\r\n" in server.asked()
        assert server.asked().count(key) == 1


def test_the_log_of_the_vault_says_for_what_a_key_was_given(tmp_path: Path, vault: OwnVault) -> None:
    with start_bad_server(tmp_path, "plain", make_answer(say("yes"))) as server:
        call(make_provider(server.url(), key=f"secret:{NAME}"), vault.environ, reason=REASON)
    record = vault.records()[-1]
    given = {"op": "exec", "name": NAME, "delivery": "fd:3", "reason": REASON, "outcome": "granted"}
    assert {field: record.get(field) for field in given} == given


def test_while_a_call_lasts_the_key_is_in_no_command_line_and_no_environment(
    tmp_path: Path, vault: OwnVault, key: str
) -> None:
    with _call_for_long(tmp_path, vault, key) as caller:
        pids = [caller.pid, *_find_descendants(caller.pid)]
        seen = [Path(f"/proc/{pid}/{name}").read_bytes() for pid in pids for name in ("cmdline", "environ")]
    assert len(pids) >= 2
    assert [text for text in seen if key.encode() in text] == []


def test_a_call_does_not_outlive_who_made_it(tmp_path: Path, vault: OwnVault, key: str) -> None:
    with _call_for_long(tmp_path, vault, key) as caller:
        pids = _find_descendants(caller.pid)
        caller.kill()
        caller.wait(LIMIT_S)
        while any(map(_is_alive, pids)):
            time.sleep(0.01)
    assert pids


def test_a_key_that_the_server_repeats_is_not_shown(tmp_path: Path, vault: OwnVault, key: str) -> None:
    words = make_answer({"error": {"message": f"Incorrect API key provided: {key}"}}, "401 Unauthorized")
    with start_bad_server(tmp_path, "plain", words) as server:
        reply = call(make_provider(server.url(), key=f"secret:{NAME}"), vault.environ)
    assert reply.trouble == "401 Unauthorized: Incorrect API key provided: [key]"
    assert (reply.kind, reply.is_unbilled) == (REFUSED, True)


def test_a_key_does_not_follow_a_redirect(tmp_path: Path, vault: OwnVault, key: str) -> None:
    with start_bad_server(tmp_path / "there", "plain", make_answer(say("stolen"))) as there:
        words = make_answer(b"", "307 Temporary Redirect", Location=there.url(host="localhost") + f"/{key}")
        with start_bad_server(tmp_path / "here", "plain", words) as here:
            reply = call(make_provider(here.url(), key=f"secret:{NAME}"), vault.environ)
        assert there.asked() == ""
    assert reply.kind == REJECTED
    assert key not in reply.trouble


@pytest.mark.parametrize("value", [b"two\r\nX-Forged: lines", b"caf\xc3\xa9", b"\n", b"x" * 70_000])
def test_a_key_that_no_header_can_hold_is_not_sent(tmp_path: Path, vault: OwnVault, value: bytes) -> None:
    vault.set("think/odd", value)
    with start_bad_server(tmp_path, "plain", make_answer(say("yes"))) as server:
        reply = call(make_provider(server.url(), key="secret:think/odd"), vault.environ)
        assert server.asked() == ""
    assert (reply.kind, reply.is_unbilled) == (FAILED, True)
    assert reply.trouble == "the key is empty, too long or has a letter that no HTTP header can hold"


def test_a_newline_behind_a_key_is_none_of_it(tmp_path: Path, vault: OwnVault, key: str) -> None:
    vault.set("think/line", key.encode() + b"\n")
    with start_bad_server(tmp_path, "plain", make_answer(say("yes"))) as server:
        assert call(make_provider(server.url(), key="secret:think/line"), vault.environ).kind == OK
        assert f"Bearer {key}\r\n" in server.asked()


def test_a_secret_that_is_not_there_is_told_in_the_words_of_the_vault(tmp_path: Path, vault: OwnVault) -> None:
    with start_bad_server(tmp_path, "plain", make_answer(say("yes"))) as server:
        reply = call(make_provider(server.url(), key="secret:think/none"), vault.environ)
        assert server.asked() == ""
    assert (reply.kind, reply.is_unbilled) == (FAILED, True)
    assert reply.trouble == "no key secret:think/none: there is no secret of this name"


def test_without_a_vault_nothing_is_asked(tmp_path: Path, environ: dict[str, str]) -> None:
    with start_bad_server(tmp_path, "plain", make_answer(say("yes"))) as server:
        reply = call(make_provider(server.url(), key=f"secret:{NAME}"), environ)
        assert server.asked() == ""
    assert (reply.kind, reply.is_unbilled) == (FAILED, True)
    assert "vault" in reply.trouble


def test_over_tls_a_key_goes_only_to_whom_the_certificates_know(tmp_path: Path, vault: OwnVault, key: str) -> None:
    certificate, private = _make_certificate(tmp_path)
    with start_bad_server(tmp_path / "own", "plain", make_answer(say("yes")), certificate, private) as server:
        provider = make_provider(server.url("https"), key=f"secret:{NAME}")
        strange = call(provider, vault.environ)
        assert server.asked() == ""
        known = call(provider, {**vault.environ, "SSL_CERT_FILE": certificate})
        assert key in server.asked()
    assert (strange.kind, strange.is_unbilled) == (FAILED, True)
    assert strange.trouble.startswith("cannot connect to 127.0.0.1: ")
    assert "self-signed certificate" in strange.trouble
    assert known.text == "yes", known


def test_over_tls_a_server_that_says_nothing_gets_no_key_and_costs_nothing(tmp_path: Path, vault: OwnVault) -> None:
    with start_bad_server(tmp_path, "hang") as server:
        provider = make_provider(server.url("https"), key=f"secret:{NAME}")
        reply = call(provider, vault.environ, limit=timedelta(seconds=4))
    assert (reply.kind, reply.trouble, reply.is_unbilled) == (FAILED, "no answer within 4s", True)


@contextmanager
def _call_for_long(folder: Path, vault: OwnVault, key: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a process that has sent the key to a server that never answers."""
    with start_bad_server(folder, "hang") as server:
        argv = [sys.executable, "-c", CALLER, server.url()]
        with subprocess.Popen(argv, env=vault.environ) as caller:
            try:
                while key not in server.asked():
                    assert caller.poll() is None
                    time.sleep(0.01)
                yield caller
            finally:
                caller.kill()


def _find_descendants(pid: int) -> list[int]:
    children = list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    return [found for child in children for found in (child, *_find_descendants(child))]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def _make_certificate(folder: Path) -> tuple[str, str]:
    """Return the files of a certificate for 127.0.0.1 that no authority has signed, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "private.pem").write_bytes(private)
    return str(folder / "certificate.pem"), str(folder / "private.pem")
