"""Is the port or socket found that a command goes to?"""

import pytest

from agentkit.depmap.endpoints import find_endpoints


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("curl -s https://a.example/x", ("connect", "port:tcp/a.example:443")),
        ("curl http://localhost:8080/", ("connect", "port:tcp/8080")),
        ("wget ftp://a/x", ("connect", "port:tcp/a:21")),
        ("nc -z db 5432", ("connect", "port:tcp/db:5432")),
        ("nc bob:word@h 80", ("connect", "port:tcp/h:80")),
        ("socat - TCP:bob@h:80", ("connect", "port:tcp/h:80")),
        ("nc -u db 53", ("connect", "port:udp/db:53")),
        ("nc -l -p 99", ("listen", "port:tcp/99")),
        ("nc -U /run/s", ("connect", "file:/run/s")),
        ("psql -h db -p 5433 x", ("connect", "port:tcp/db:5433")),
        ("psql -h /run/postgresql", ("connect", "file:/run/postgresql")),
        ("mysql --host=db", ("connect", "port:tcp/db:3306")),
        ("redis-cli -p 7000 ping", ("connect", "port:tcp/7000")),
        ("ssh -p 2222 bob@h x", ("connect", "port:tcp/h:2222")),
        ("scp a bob@h:/b", ("connect", "port:tcp/h:22")),
        ("rsync a h::b", ("connect", "port:tcp/h:873")),
        ("git clone git@h:x", ("connect", "port:tcp/h:22")),
        ("socat - TCP:h:80", ("connect", "port:tcp/h:80")),
        ("socat - UNIX-LISTEN:/run/s,fork", ("listen", "file:/run/s")),
        ("openssl s_client -connect h:443", ("connect", "port:tcp/h:443")),
    ],
)
def test_the_place_that_the_words_name(line: str, found: tuple[str, str]) -> None:
    words = tuple(line.split())
    assert list(find_endpoints(words[0], words)) == [found]


@pytest.mark.parametrize("line", ["curl --version", "curl file:///etc/motd", "psql x", "ls h:80"])
def test_some_words_name_no_place(line: str) -> None:
    words = tuple(line.split())
    assert list(find_endpoints(words[0], words)) == []
