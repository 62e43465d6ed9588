"""Small programs, each line with the edges that it has and no others: who calls whom, through values.

`#> call f` behind a line: the line calls `py:case:f`. What a line does not name it must not have.
"""

THROUGH_VALUES = {
    "a key of a dict": """
def f(): pass
def g(): pass
d = {'a': f, 'b': g}
d['a']()  #> call f
""",
    "a key that is not known": """
def f(): pass
def g(): pass
d = {'a': f, 'b': g}
d[input()]()  #> call f; call g
""",
    "get of a dict": """
def f(): pass
def g(): pass
d = {'a': f}
d.get('b', g)()  #> call g
""",
    "the values of a dict": """
def f(): pass
for x in {'a': f}.values():
    x()  #> call f
""",
    "the items of a dict": """
def f(): pass
for n, x in {'a': f}.items():
    x()  #> call f
""",
    "an index of a list": """
def f(): pass
def g(): pass
l = [f, g]
l[-1]()  #> call g
""",
    "what is appended": """
def f(): pass
l = []
l.append(f)
for x in l:
    x()  #> call f
""",
    "a slice": """
def f(): pass
def g(): pass
[f, g][1:][0]()  #> call g
""",
    "unpacking": """
def f(): pass
def g(): pass
a, (b, *c) = f, (f, g)
b()  #> call f
c[0]()  #> call g
""",
    "a comprehension": """
def f(): pass
[x() for x in (f,)]  #> call f
""",
    "a lambda in a comprehension": """
def f(): pass
[(lambda: x()) for x in (f,)]  #> call f
""",
    "a decorator": """
def deco(f):
    def inner():
        f()  #> call g
    return inner
@deco  #> call deco
def g(): pass
g()  #> call deco.<locals>.inner
""",
    "a decorator with arguments": """
def deco(n):
    def wrap(f):
        return f
    return wrap
@deco(3)  #> call deco; call deco.<locals>.wrap
def g(): pass
g()  #> call g
""",
    "functools.wraps": """
import functools
def deco(f):
    @functools.wraps(f)
    def inner():
        return f()  #> call g
    return inner
@deco  #> call deco
def g(): pass
g()  #> call deco.<locals>.inner
""",
    "a cached function": """
import functools
@functools.lru_cache(maxsize=2)
def g(): pass
g()  #> call g
""",
    "functools.partial": """
import functools
def f(x):
    x()  #> call g
def g(): pass
functools.partial(f, g)()  #> call f
""",
    "map": """
def f(x): pass
list(map(f, [1]))  #> call f
""",
    "a key to sort by": """
def f(x): pass
sorted([2, 1], key=f)  #> call f
""",
    "a thread": """
import threading
def f(x):
    x()  #> call g
def g(): pass
threading.Thread(target=f, args=(g,)).start()  #> call f
""",
    "a pool": """
from concurrent.futures import ThreadPoolExecutor
def f(x):
    x()  #> call g
def g(): pass
with ThreadPoolExecutor() as pool:
    pool.submit(f, g)  #> call f
""",
    "a signal": """
import signal
def f(*a): pass
signal.signal(signal.SIGTERM, f)  #> call f
""",
    "getattr of a constant": """
class C:
    def m(self): pass
getattr(C(), 'm')()  #> call C; call C.m
""",
    "getattr that is computed": """
import os, sys
getattr(os, sys.argv[1])()  #> unknown getattr(os, sys.argv[1])()
""",
    "a parameter that nothing fills": """
def f(x):
    x()  #> unknown x()
""",
    "eval": """
eval(input())  #> unknown eval(input())
""",
    "exec": """
exec(open('x').read())  #> unknown exec(open('x').read())
""",
    "raise": """
class E(Exception):
    def __init__(self): pass
raise E  #> call E.__init__
""",
    "an exception that was caught": """
class E(Exception):
    def m(self): pass
try:
    pass
except E as e:
    e.m()  #> call E.m
""",
    "async": """
import asyncio
def f(): pass
async def give():
    return f
async def main():
    g = await give()  #> call give
    g()  #> call f
asyncio.run(main())  #> call main
""",
    "a dataclass": """
from dataclasses import dataclass
def f(): pass
@dataclass
class C:
    run: object
    def go(self):
        self.run()  #> call f
C(f).go()  #> call C; call C.go
""",
    "an annotation": """
class C:
    def m(self): pass
def f(x: 'C | None'):
    x.m()  #> call C.m
""",
    "match": """
def f(): pass
def g(): pass
match input():
    case 'a':
        h = f
    case _:
        h = g
h()  #> call f; call g
""",
    "another's function": """
import requests
requests.get('x')  #> call py:requests:get
""",
    "another's method": """
import boto3.session as b
b.Session().client('s3')  #> call py:boto3.session:Session; call py:boto3.session:Session.client
""",
    "another's class as base": """
import flask
class A(flask.Flask):
    pass
A('x').run()  #> call A; call py:flask:Flask.__init__; call py:flask:Flask.run
""",
    "a name of a class is none of its methods": """
def f(): pass
class C:
    def f(self): pass
    def m(self):
        f()  #> call f
""",
    "a star": """
from os.path import *
print(exists('/x'))  #> check file:/x
""",
    "the default of a parser of arguments": """
import argparse
def start(args): pass
def stop(args): pass
def other(args): pass
parser = argparse.ArgumentParser()
parser.set_defaults(func=stop)
one = parser.add_subparsers().add_parser('start')
one.set_defaults(func=start)
another = argparse.ArgumentParser()
another.set_defaults(func=other)
args = parser.parse_args()
args.func(args)  #> call start; call stop
""",
    "the type of an argument": """
import argparse
def check(text): pass
parser = argparse.ArgumentParser()
parser.add_argument('--age', type=check)  #> call check
""",
    "a thread that is a class": """
import threading
class T(threading.Thread):
    def run(self):
        self.go()  #> call T.go
    def go(self): pass
    def stop(self): pass
T().start()  #> call T; call T.run
""",
    "a thread that is told its target by its class": """
import threading
class T(threading.Thread):
    def __init__(self):
        super().__init__(target=self.go)  #> call T.go
    def go(self): pass
T().start()  #> call T.__init__
""",
    "what stands in a queue": """
import queue
def f(): pass
def g(): pass
jobs, others = queue.Queue(), queue.Queue()
jobs.put(f)
others.put(g)
jobs.get()()  #> call f
""",
    "futures that are done": """
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
def f():
    return g
def g(): pass
def told(future): pass
pool = ThreadPoolExecutor()
futures = [pool.submit(f)]  #> call f
for each in as_completed(futures):
    each.add_done_callback(told)  #> call told
    each.result()()  #> call g
done, _ = wait(futures)
done.pop().result()()  #> call g
""",
    "a handler that a server is given": """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply()  #> call Handler.reply
    def reply(self): pass
class Plain:
    def do_GET(self): pass
HTTPServer(('', 81), Handler)  #> call Handler.do_GET; listen port:tcp/81
print(Plain)
""",
    "a SimpleNamespace": """
from types import SimpleNamespace
def f(): pass
def g(): pass
one = SimpleNamespace(a=f)
one.b = g
one.a()  #> call f
one.b()  #> call g
""",
    "globals": """
def f(): pass
def g(): pass
globals()['f']()  #> call f
""",
    "what is never run": """
def f(): pass
def g(): pass
def main():
    if False:
        f()
    if 1:
        g()  #> call g
    else:
        f()
    return
    f()
main()  #> call main
""",
    "what a manager may let go on": """
from contextlib import suppress
def f(): pass
def main():
    with suppress(ValueError):
        raise ValueError
    f()  #> call f
main()  #> call main
""",
    "an iterator that has keys too": """
def f(): pass
class C:
    def __iter__(self):
        yield f
    def __getitem__(self, key): pass
for each in C():  #> call C; call C.__iter__
    each()  #> call f
""",
    "what is behind the end of a program": """
import sys
def f(): pass
def g(): pass
def main(x):
    while False:
        f()
    if x:
        sys.exit(1)
        f()
    try:
        sys.exit(0)
    except SystemExit:
        g()  #> call g
main(2)  #> call main
""",
    "a callback of json": """
import json
def f(x): pass
json.dumps({}, default=f)  #> call f
""",
}
