"""Small programs, each line with the edges that it has and no others: what is started, read, written and asked.

`#> read file:/x` behind a line; `call f` is `py:case:f`.
"""

TOUCHES = {
    "a list of words": """
import subprocess
subprocess.run(['curl', '-s', 'http://a:81/'])  #> exec cmd:curl; connect port:tcp/a:81
""",
    "check_output": """
from subprocess import check_output as co
co(('df', '-h'))  #> exec cmd:df
""",
    "a shell's text": """
import os
os.system('cat /a | sort > /b')  #> exec cmd:cat; exec cmd:sort; read file:/a; write file:/b
""",
    "shell=True": """
import subprocess
subprocess.call('cd /x && ls', shell=True)  #> exec cmd:ls
""",
    "a text without a shell is a program": """
import subprocess
subprocess.call('ls -l')  #> exec cmd:ls -l
""",
    "sudo": """
import subprocess
subprocess.run(["sudo", '-u', 'db', 'pg_dump'])  #> exec cmd:sudo; exec cmd:pg_dump; user user:db
""",
    "words in a variable": """
import subprocess
cmd = ['timeout', '5']
cmd += ['rsync']
subprocess.run(cmd)  #> exec cmd:timeout; exec cmd:rsync
""",
    "words that are appended": """
import subprocess
cmd = ['nice']
cmd.append('rsync')
subprocess.run(cmd)  #> exec cmd:nice; exec cmd:rsync
""",
    "words that are joined": """
import subprocess
BASE = ['nice']
subprocess.run([*BASE, 'ls'])  #> exec cmd:nice; exec cmd:ls
""",
    "shlex": """
import shlex, subprocess
subprocess.run(shlex.split('nice ls'))  #> exec cmd:nice; exec cmd:ls
""",
    "split": """
import subprocess
subprocess.run('nice ls'.split())  #> exec cmd:nice; exec cmd:ls
""",
    "a program that comes as a parameter": """
import subprocess
def run(p):
    subprocess.run([p, '-x'])  #> exec cmd:ls
run('ls')  #> call run
""",
    "a program that is not known": """
import subprocess, sys
subprocess.run(sys.argv[1:])  #> unknown subprocess.run(sys.argv[1:])
""",
    "Popen": """
import subprocess
subprocess.Popen(['tar', 'c'], stdout=subprocess.PIPE).communicate()  #> exec cmd:tar
""",
    "execvp": """
import os
os.execvp('ls', ['ls', '-l'])  #> exec cmd:ls
""",
    "execl": """
import os
os.execl('/bin/ls', 'ls', '-l')  #> exec cmd:/bin/ls
""",
    "spawnlp": """
import os
os.spawnlp(os.P_WAIT, 'cp', 'cp', '/a', '/b')  #> exec cmd:cp; read file:/a; write file:/b
""",
    "posix_spawn": """
import os
os.posix_spawn('/bin/true', ['true'], {})  #> exec cmd:/bin/true
""",
    "asyncio's programs": """
import asyncio
async def f():
    await asyncio.create_subprocess_exec('ls', '-l')  #> exec cmd:ls
""",
    "asyncio's shell": """
import asyncio
async def f():
    await asyncio.create_subprocess_shell('ls | wc')  #> exec cmd:ls; exec cmd:wc
""",
    "another Python": """
import subprocess, sys
subprocess.run([sys.executable, '/x.py'])  #> exec cmd:python3; exec cmd:/x.py
""",
    "systemctl": """
import subprocess
subprocess.run(["systemctl", 'restart', 'nginx'])  #> exec cmd:systemctl; triggers unit:nginx.service
""",
    "which": """
import shutil
shutil.which('rsync')  #> check cmd:rsync
""",
    "a secret": """
import subprocess
subprocess.check_output(['agentkit', 'vault', 'get', 'token'])  #> exec cmd:agentkit; secret secret:token
""",
    "open": """
open('/a')  #> read file:/a
""",
    "open for writing": """
with open('/a', 'w') as f:  #> write file:/a
    f.write('x')
""",
    "open with a mode by name": """
open('/a', mode='ab')  #> write file:/a
""",
    "open both ways": """
open('/a', 'r+')  #> write file:/a
""",
    "a path that is not whole": """
open('a.txt')
""",
    "a path that is not known": """
open(input())  #> unknown open(input())
""",
    "a path in an f-string": """
D = '/var/x'
for n in ('a', 'b'):
    open(f'{D}/{n}.txt')  #> read file:/var/x/a.txt; read file:/var/x/b.txt
""",
    "a path that is joined": """
import os
open(os.path.join('/a', 'b', 'c'))  #> read file:/a/b/c
""",
    "a path with percent": """
open('/a/%s.txt' % 'b')  #> read file:/a/b.txt
""",
    "a path with format": """
open('/a/{}/{x}'.format('b', x='c'))  #> read file:/a/b/c
""",
    "a path by plus": """
A = '/a/'
open(A + 'b')  #> read file:/a/b
""",
    "a default of the environment": """
import os
open(os.environ.get('X', '/a'))  #> env env:X; read file:/a; unknown open(os.environ.get('X', '/a'))
""",
    "beside the file": """
import os
open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'x'))  #> read file:HERE/x
""",
    "pathlib beside the file": """
from pathlib import Path
(Path(__file__).resolve().parent / 'x').read_text()  #> read file:HERE/x
""",
    "pathlib's parents": """
from pathlib import Path
open(Path(__file__).parents[0] / 'x')  #> read file:HERE/x
""",
    "pathlib": """
from pathlib import Path
p = Path('/a') / 'b'
p.write_text('x')  #> write file:/a/b
p.exists()  #> check file:/a/b
p.with_suffix('.c').unlink()  #> write file:/a/b.c
""",
    "pathlib's rename": """
from pathlib import Path
Path('/a').rename('/b')  #> write file:/a; write file:/b
""",
    "pathlib's open": """
from pathlib import Path
Path('/a').open('w')  #> write file:/a
""",
    "a path in an attribute": """
class C:
    def __init__(self, p):
        self.p = p
    def r(self):
        open(self.p)  #> read file:/a
C('/a').r()  #> call C.__init__; call C.r
""",
    "a text's methods are no files": """
'/a'.replace('a', 'b')
'/a'.rename
""",
    "os.remove": """
import os
os.remove('/a')  #> write file:/a
""",
    "os.rename": """
import os
os.replace('/a', '/b')  #> write file:/a; write file:/b
""",
    "os.open": """
import os
os.open('/a', os.O_RDONLY)  #> read file:/a
os.open('/b', os.O_WRONLY | os.O_CREAT)  #> write file:/b
""",
    "shutil.copy": """
import shutil
shutil.copy('/a', '/b')  #> read file:/a; write file:/b
""",
    "os.path.exists": """
import os.path
os.path.exists('/a')  #> check file:/a
""",
    "sqlite": """
import sqlite3
sqlite3.connect('/a.db').execute('x')  #> write file:/a.db
""",
    "sqlite in memory": """
import sqlite3
sqlite3.connect(':memory:')
""",
    "gzip": """
import gzip
gzip.open('/a.gz', 'wt')  #> write file:/a.gz
""",
    "a log": """
import logging
logging.basicConfig(filename='/l')  #> write file:/l
""",
    "a lock": """
import fcntl
f = open('/l', 'w')  #> write file:/l
fcntl.flock(f, fcntl.LOCK_EX)  #> lock file:/l
""",
    "a lock by its number": """
import fcntl
f = open('/l', 'w')  #> write file:/l
fcntl.flock(f.fileno(), fcntl.LOCK_EX)  #> lock file:/l
""",
    "no file": """
open('/dev/null', 'w')
""",
    "a socket": """
import socket
s = socket.socket()
s.connect(('db', 5432))  #> connect port:tcp/db:5432
""",
    "a socket of this machine": """
import socket
socket.create_connection(('127.0.0.1', 80))  #> connect port:tcp/80
""",
    "a socket that listens": """
import socket
s = socket.socket()
s.bind(('', 8080))  #> listen port:tcp/8080
""",
    "a socket in a file": """
import socket
s = socket.socket(socket.AF_UNIX)
s.connect('/run/x.sock')  #> connect file:/run/x.sock
""",
    "datagrams": """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b'x', ('log', 514))  #> connect port:udp/log:514
""",
    "a port that is not known": """
import socket
connect = socket.create_connection
connect(('a', int(input())))  #> unknown connect(('a', int(input())))
""",
    "urllib": """
from urllib.request import urlopen, Request
urlopen('https://a/x')  #> connect port:tcp/a:443
r = Request('http://b/')  #> connect port:tcp/b:80
urlopen(r)
""",
    "requests": """
import requests
with requests.Session() as s:  #> call py:requests:Session
    s.post('http://a:8/')  #> call py:requests:Session.post; connect port:tcp/a:8
""",
    "an HTTP connection": """
import http.client
http.client.HTTPSConnection('a')  #> connect port:tcp/a:443
""",
    "mail": """
import smtplib
smtplib.SMTP('m', 587)  #> connect port:tcp/m:587
""",
    "redis": """
import redis
redis.Redis()  #> call py:redis:Redis; connect port:tcp/6379
""",
    "postgres": """
import psycopg2
psycopg2.connect(host='db', dbname='x')  #> call py:psycopg2:connect; connect port:tcp/db:5432
""",
    "a server": """
from http.server import HTTPServer
HTTPServer(('', 8000), None)  #> listen port:tcp/8000
""",
    "the environment": """
import os
os.environ['A']  #> env env:A
os.getenv('B')  #> env env:B
'C' in os.environ  #> env env:C
from os import environ as e
e.get('D', 1)  #> env env:D
""",
    "setting the environment asks for nothing": """
import os
os.environ['A'] = 'x'
""",
    "a module by its name": """
import importlib
importlib.import_module('json').dumps(1)  #> import py:json
""",
    "a module that is computed": """
import importlib
importlib.import_module(input())  #> unknown importlib.import_module(input())
""",
    "a secret in a text is not told": """
from os import system
import sys
system(sys.argv[1] + ' --password=abc1')  #> unknown system(sys.argv[1] + ' --password=***')
""",
    "strings that only look so": """
x = 'rm -rf /'
print('/etc/passwd', x)
""",
    "a comment": """
# subprocess.run(['ls'])
""",
    "another's subprocess": """
class subprocess:
    @staticmethod
    def run(x): pass
subprocess.run(['ls'])  #> call subprocess.run
""",
    "a default of an argument": """
import argparse
from pathlib import Path
parser = argparse.ArgumentParser()
group = parser.add_argument_group('files')
group.add_argument('--state-file', default='/a', type=Path)
args, rest = parser.parse_known_args()
args.state_file.read_text()  #> read file:/a
""",
    "several files of settings": """
from configparser import ConfigParser
ConfigParser().read(['/a', '/b'])  #> read file:/a; read file:/b
""",
    "a database that is only read": """
import sqlite3
sqlite3.connect('file:/a?mode=ro', uri=True)  #> read file:/a
""",
    "a shell that is fed": """
import subprocess
subprocess.run(['bash', '-e'], input='cat /a', text=True)  #> exec cmd:bash; exec cmd:cat; read file:/a
subprocess.run(['bash', '/x'], input='cat /a', text=True)  #> exec cmd:bash; exec cmd:/x
""",
    "the base of all URLs": """
import httpx
with httpx.Client(base_url='https://a:81/') as client:  #> call py:httpx:Client; connect port:tcp/a:81
    client.get('/x')  #> call py:httpx:Client.get
""",
    "variables in a text, and a copy of all": """
import os
os.path.expandvars('$A/${B}')  #> env env:A; env env:B
env = os.environ.copy()
env.get('C')  #> env env:C
""",
    "a class that is a server": """
from socketserver import TCPServer
class Server(TCPServer): pass
Server(('', 81), None)  #> call Server; listen port:tcp/81
""",
    "a number out of a text": """
import os, smtplib
P = os.getenv('PORT', 25)  #> env env:PORT
smtplib.SMTP('a', int(P))  #> connect port:tcp/a:25; unknown smtplib.SMTP('a', int(P))
smtplib.SMTP('b', int('25') + 1)  #> unknown smtplib.SMTP('b', int('25') + 1)
""",
    "a default that typer holds": """
import typer
from pathlib import Path
def run(path: Path = typer.Option(Path('/a'))):  #> call py:typer:Option
    path.read_text()  #> read file:/a
""",
    "a list of the words of a text": """
import subprocess
def run(words):
    subprocess.run(list(words))  #> exec cmd:ls
run("ls -l".split())  #> call run
""",
}
