"""Which texts stand behind names of the standard library?"""

CONSTANTS = {
    "os.devnull": "/dev/null",
    "os.pathsep": ":",
    "os.sep": "/",
    "os.path.sep": "/",
    "os.curdir": ".",
    "os.pardir": "..",
    "os.linesep": "\n",
    # Whichever Python runs it, it is called so.
    "sys.executable": "python3",
}
