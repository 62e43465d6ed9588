"""Programs that really hang: at a port that never answers, a fifo, an empty queue, a held lock, a child that sleeps.

The names in braces are those of the stage (hangs.py). What stands before READY is done at once, what
stands behind it is what waits. ENDED are programs that are said to be bounded, and have to end.
"""

READY = 'print("ready", flush=True)\n'
HANGS = {
    "urlopen": "import urllib.request\n{READY}urllib.request.urlopen('http://127.0.0.1:{silent}')\n",
    "urlretrieve": (
        "import urllib.request\n{READY}urllib.request.urlretrieve('http://127.0.0.1:{silent}', '/dev/null')\n"
    ),
    "opener": (
        "import urllib.request\nopener = urllib.request.build_opener()\n"
        "{READY}opener.open('http://127.0.0.1:{silent}')\n"
    ),
    "http.client": (
        "import http.client\n{READY}c = http.client.HTTPConnection('127.0.0.1', {silent})\n"
        "c.request('GET', '/')\nc.getresponse()\n"
    ),
    "xmlrpc": "import xmlrpc.client\n{READY}xmlrpc.client.ServerProxy('http://127.0.0.1:{silent}').a()\n",
    "create_connection": ("import socket\n{READY}s = socket.create_connection(('127.0.0.1', {silent}))\ns.recv(10)\n"),
    "recv": (
        "import socket\ns = socket.socket()\ns.settimeout\ns.connect(('127.0.0.1', {silent}))\n{READY}s.recv(10)\n"
    ),
    "accept": (
        "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n{READY}client, _ = s.accept()\n"
    ),
    "smtplib": "import smtplib\n{READY}smtplib.SMTP('127.0.0.1', {silent})\n",
    "ftplib": "import ftplib\n{READY}ftp = ftplib.FTP()\nftp.connect('127.0.0.1', {silent})\n",
    "imaplib": "import imaplib\n{READY}imaplib.IMAP4('127.0.0.1', {silent})\n",
    "poplib": "import poplib\n{READY}poplib.POP3('127.0.0.1', {silent})\n",
    "select": (
        "import select, socket\ns = socket.create_connection(('127.0.0.1', {silent}), 5)\n"
        "{READY}select.select([s], [], [])\n"
    ),
    "poll": (
        "import select, socket\ns = socket.create_connection(('127.0.0.1', {silent}), 5)\np = select.poll()\n"
        "p.register(s, select.POLLIN)\n{READY}p.poll()\n"
    ),
    "selectors": (
        "import selectors, socket\ns = socket.create_connection(('127.0.0.1', {silent}), 5)\n"
        "chooser = selectors.DefaultSelector()\nchooser.register(s, selectors.EVENT_READ)\n{READY}chooser.select()\n"
    ),
    "queue": "import queue\nq = queue.Queue()\n{READY}q.get()\n",
    "a queue to its sign": "import queue\nq = queue.Queue()\n{READY}for each in iter(q.get, None):\n    pass\n",
    "a full queue": "import queue\nq = queue.Queue(maxsize=1)\nq.put_nowait(1)\n{READY}q.put(2)\n",
    "all work of a queue": "import queue\nq = queue.Queue()\nq.put_nowait(1)\n{READY}q.join()\n",
    "simple queue": "import queue\nq = queue.SimpleQueue()\n{READY}q.get(True)\n",
    "lock": "import threading\nlock = threading.Lock()\nlock.acquire(False)\n{READY}lock.acquire()\n",
    "semaphore": "import threading\ns = threading.Semaphore(0)\n{READY}s.acquire()\n",
    "event": "import threading\ndone = threading.Event()\n{READY}done.wait()\n",
    "condition": "import threading\nc = threading.Condition()\nwith c:\n    {READY}    c.wait()\n",
    "barrier": "import threading\nb = threading.Barrier(2)\n{READY}b.wait()\n",
    "thread": (
        "import threading, time\nt = threading.Thread(target=time.sleep, args=(600,), daemon=True)\nt.start()\n"
        "{READY}t.join()\n"
    ),
    "future": "import concurrent.futures\nf = concurrent.futures.Future()\n{READY}f.result()\n",
    "futures": ("import concurrent.futures\nf = concurrent.futures.Future()\n{READY}concurrent.futures.wait([f])\n"),
    "process": (
        "import multiprocessing, time\np = multiprocessing.Process(target=time.sleep, args=(600,), daemon=True)\n"
        "p.start()\n{READY}p.join()\n"
    ),
    "pool": (
        "import multiprocessing, time\nwith multiprocessing.Pool(1) as pool:\n"
        "    {READY}    pool.map(time.sleep, [600])\n"
    ),
    "pool applied": (
        "import multiprocessing, time\nwith multiprocessing.Pool(1) as pool:\n"
        "    {READY}    pool.apply(time.sleep, (600,))\n"
    ),
    "pipe": "import multiprocessing\nhere, there = multiprocessing.Pipe()\n{READY}here.recv()\n",
    "queue of processes": "import multiprocessing\nq = multiprocessing.Queue()\n{READY}q.get()\n",
    "run": "import subprocess\n{READY}subprocess.run(['sleep', 'infinity'])\n",
    "run of what is not known": (
        'import json, subprocess\nc = json.loads(\'["sleep", "600"]\')\n{READY}subprocess.run(c)\n'
    ),
    "check_output": (
        "import subprocess\n{READY}subprocess.check_output(['curl', '-s', 'http://127.0.0.1:{silent}'])\n"
    ),
    "wait": "import subprocess\np = subprocess.Popen(['sleep', 'infinity'])\n{READY}p.wait()\n",
    "communicate": (
        "import subprocess\np = subprocess.Popen(['sleep', 'infinity'], stdout=subprocess.PIPE)\n"
        "{READY}out, _ = p.communicate()\n"
    ),
    "read of a pipe": (
        "import subprocess\np = subprocess.Popen(['sleep', 'infinity'], stdout=subprocess.PIPE)\n"
        "{READY}out = p.stdout.read()\n"
    ),
    "a line of a pipe": (
        "import subprocess\np = subprocess.Popen(['sleep', 'infinity'], stdout=subprocess.PIPE)\n"
        "{READY}out = p.stdout.readline()\n"
    ),
    "Popen as a context": "import subprocess\n{READY}with subprocess.Popen(['sleep', 'infinity']):\n    pass\n",
    "Popen of a shell as a context": (
        "import subprocess\n{READY}with subprocess.Popen('sleep infinity; true', shell=True):\n    pass\n"
    ),
    "Popen of named words as a context": (
        "import subprocess\n{READY}with subprocess.Popen(args=['sleep', 'infinity'], close_fds=True):\n    pass\n"
    ),
    "os.system": "import os\n{READY}os.system('sleep infinity')\n",
    "os.popen": "import os\n{READY}os.popen('sleep infinity').read()\n",
    "getoutput": "import subprocess\n{READY}subprocess.getoutput('sleep infinity')\n",
    "os.waitpid": ("import os, subprocess\npid = subprocess.Popen(['sleep', '600']).pid\n{READY}os.waitpid(pid, 0)\n"),
    "os.wait": "import os, subprocess\nsubprocess.Popen(['sleep', '600'])\n{READY}os.wait()\n",
    "fifo to be read": "{READY}open('{fifo}').read()\n",
    "fifo to be written": "import os\nos.mkfifo('{folder}/own')\n{READY}open('{folder}/own', 'w')\n",
    "flock": "import fcntl\nfile = open('{lock}')\n{READY}fcntl.flock(file, fcntl.LOCK_EX)\n",
    "input": "{READY}input()\n",
    "pause": "import signal\n{READY}signal.pause()\n",
    "sigwait": "import signal\n{READY}signal.sigwait({signal.SIGUSR1})\n",
    "a file that never comes": (
        "import os, time\n{READY}while not os.path.exists('{folder}/never'):\n    time.sleep(0.1)\n"
    ),
    "asyncio.Queue": (
        "import asyncio\nasync def main():\n    q = asyncio.Queue()\n"
        "    {READY}    await q.get()\nasyncio.run(main())\n"
    ),
    "asyncio streams": (
        "import asyncio\nasync def main():\n"
        "    reader, _ = await asyncio.wait_for(asyncio.open_connection('127.0.0.1', {silent}), 5)\n"
        "    {READY}    await reader.readline()\nasyncio.run(main())\n"
    ),
    "asyncio children": (
        "import asyncio\nasync def main():\n    p = await asyncio.create_subprocess_exec('sleep', 'infinity')\n"
        "    {READY}    await p.wait()\nasyncio.run(main())\n"
    ),
    "asyncio.wait": (
        "import asyncio\nasync def main():\n    t = asyncio.create_task(asyncio.sleep(600))\n"
        "    {READY}    await asyncio.wait([t])\nasyncio.run(main())\n"
    ),
    # What only seems to be a limit.
    "a limit of None": "import queue\nq = queue.Queue()\n{READY}q.get(timeout=None)\n",
    "below nought": "import threading\nlock = threading.Lock()\nlock.acquire(False)\n{READY}lock.acquire(timeout=-1)\n",
    "a limit around what blocks": (
        "import asyncio, urllib.request\nasync def ask():\n    urllib.request.urlopen('http://127.0.0.1:{silent}')\n"
        "async def main():\n    {READY}    await asyncio.wait_for(ask(), 1)\nasyncio.run(main())\n"
    ),
    "a limit for the wait, within the block": (
        "import subprocess\n{READY}with subprocess.Popen(['sleep', 'infinity']) as p:\n"
        "    try:\n        p.wait(timeout=0.2)\n    except subprocess.TimeoutExpired:\n        pass\n"
    ),
    "a pipe that a grandchild holds": (
        "import subprocess\np = subprocess.Popen('sleep infinity; true', shell=True, stdout=subprocess.PIPE)\n"
        "{READY}try:\n    p.communicate(timeout=0.2)\nexcept subprocess.TimeoutExpired:\n    p.kill()\n"
        "    p.communicate()\n"
    ),
}
ENDED = {
    "a default of sockets": (
        "import socket, urllib.request\nsocket.setdefaulttimeout(0.5)\n"
        "{READY}urllib.request.urlopen('http://127.0.0.1:{silent}')\n"
    ),
    "create_connection keeps its limit": (
        "import socket\ns = socket.create_connection(('127.0.0.1', {silent}), timeout=0.5)\n{READY}s.recv(10)\n"
    ),
    "a shell with pipes": (
        "import subprocess\n{READY}"
        "subprocess.run('sleep infinity; true', shell=True, capture_output=True, timeout=0.5)\n"
    ),
    "killed, and then waited for": (
        "import subprocess\np = subprocess.Popen(['sleep', 'infinity'])\n{READY}try:\n    p.wait(timeout=0.2)\n"
        "except subprocess.TimeoutExpired:\n    p.kill()\n    p.wait()\n"
    ),
    "a limit of asyncio": (
        "import asyncio\nasync def main():\n    q = asyncio.Queue()\n    {READY}    async with asyncio.timeout(0.5):\n"
        "        await q.get()\nasyncio.run(main())\n"
    ),
    "a limit around the function": (
        "import asyncio\nasync def work():\n    q = asyncio.Queue()\n    await q.get()\n"
        "async def main():\n    {READY}    await asyncio.wait_for(work(), 0.5)\nasyncio.run(main())\n"
    ),
    "curl with a limit": (
        "import subprocess\n{READY}subprocess.run(['curl', '-s', '-m', '1', 'http://127.0.0.1:{silent}'])\n"
    ),
    "a partial with a limit": (
        "import functools, urllib.request\nask = functools.partial(urllib.request.urlopen, timeout=0.5)\n"
        "{READY}ask('http://127.0.0.1:{silent}')\n"
    ),
    "a pool of processes is ended by its block": (
        "import multiprocessing, time\n{READY}with multiprocessing.Pool(1) as pool:\n"
        "    pool.map_async(time.sleep, [600]).get(timeout=0.5)\n"
    ),
}
