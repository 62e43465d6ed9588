"""Does a secret stay in the script that it is written in?"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.core.hiding import hide_secrets
from agentkit.depmap.lintreading import lint_paths

SECRETS = [
    "curl -H 'Authorization: Bearer S3CRET' h",
    "curl -H 'X-Api-Key: S3CRET' h",
    "curl -u me:S3CRET h",
    "curl --user 'me:S3CRET' h",
    "curl https://me:S3CRET@h/p",
    "curl 'https://h/?a=1&token=S3CRET'",
    "curl -d 'password=S3CRET' h",
    "curl --oauth2-token S3CRET h",
    "mysql -u root -pS3CRET -h db",
    "mysqldump --password=S3CRET db",
    "mysql --password='a S3CRET' db",
    "mysql --password='a$S3CRET' db",
    "PGPASSWORD=S3CRET psql -h db",
    "psql 'host=db password=S3CRET'",
    "sshpass -p S3CRET ssh h",
    "redis-cli -a S3CRET ping",
    "redis-cli -u redis://:S3CRET@h ping",
    "docker login -u me -p S3CRET",
    "smbclient //h/s -U me%S3CRET",
    """curl -d '{"user": "me", "api_key" : "it's S3CRET"}' h""",
    "http_proxy=http://me:S3CRET@proxy:3128 curl h",
]
IN_PYTHON = [
    "psycopg2.connect('db', password='a S3CRET')",
    "psycopg2.connect('db', password = b'S3CRET')",
    "psycopg2.connect('db', password=rb'S3CRET')",
    'psycopg2.connect("db", password=f"""{user} S3CRET""")',
    "psycopg2.connect('db', password='it\\'s S3CRET')",
    "ftplib.FTP('h', **{'passwd': b'S3CRET'})",
    "requests.get('h', auth=('me', 'S3CRET'))",
    "requests.get('h', auth=HTTPDigestAuth('me', 'S3CRET'))",
    "requests.get('h', headers={'Authorization': 'Bearer S3CRET'})",
    "requests.get('h', headers={'Cookie': f'a={b}; session=S3CRET'})",
]
HARMLESS = [
    'curl -H "Authorization: Bearer $TOKEN" -u "me:$PASSWORD" "https://me:$PASSWORD@h/"',
    "curl --max-time 5 http://h:80/passwd",
    "ssh -o PasswordAuthentication=no -p 22 git@h",
    "git clone ssh://git@h:22/x",
    "docker run -p 80:80 -u 1000 image",
    "mysql -h db -P 3306",
    "psql -p 5432 -h db",
    """curl -d '{"user": "me", "tokens": 3, "password": "$PASSWORD"}' h""",
    'PASSWORD=$(cat /run/key) mysql --password="$PASSWORD"',
    "requests.get('h', auth=(name, value), headers={'Authorization': header})",
    "requests.get('h', params={'key': 'value', 'author': 'me'})",
]


@pytest.mark.parametrize("text", [*SECRETS, *IN_PYTHON])
def test_the_value_of_a_secret_is_not_told(text: str) -> None:
    hidden = hide_secrets(text)
    assert "S3CRET" not in hidden
    assert hidden.partition("=")[0].partition(" ")[0] == text.partition("=")[0].partition(" ")[0]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert hide_secrets(text) == text


def test_a_finding_tells_no_secret(tmp_path: Path) -> None:
    (tmp_path / "ask.sh").write_text("#!/bin/sh\n" + "\n".join(SECRETS) + "\nmysql -pS3CRET -h db & wait\n")
    waits = lint_paths([str(tmp_path / "ask.sh")], print)
    assert len(waits) >= len(SECRETS) - 2
    assert "S3CRET" not in repr(waits)


def test_a_finding_of_python_tells_no_secret(tmp_path: Path) -> None:
    lines = [text for text in IN_PYTHON if text.startswith("requests.")]
    (tmp_path / "ask.py").write_text("import requests\n" + "\n".join(lines) + "\n")
    waits = lint_paths([str(tmp_path / "ask.py")], print)
    assert len(waits) == len(lines)
    assert "S3CRET" not in repr(waits)


def test_an_edge_to_what_is_not_known_tells_no_secret(tmp_path: Path, own_environ: dict[str, str]) -> None:
    (tmp_path / "ask.sh").write_text(
        '#!/bin/sh\ncurl -u me:S3CRET "$1"\neval "$1 --password S3CRET"\nwget "https://me:S3CRET@$1/"\n'
    )
    asked = subprocess.run(
        [sys.executable, "-m", "agentkit", "depmap", "edges", "--json", str(tmp_path / "ask.sh")],
        env=own_environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert any(json.loads(line)["edge"] == "unknown" for line in asked.stdout.splitlines())
    assert "S3CRET" not in asked.stdout
