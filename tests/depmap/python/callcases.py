"""Small programs, each line with the edges that it has and no others: who calls whom.

`#> call f` behind a line: the line calls `py:case:f`. What a line does not name it must not have.
"""

CALLS = {
    "a function": """
def f(): pass
f()  #> call f
""",
    "an alias": """
def f(): pass
g = f
g()  #> call f
""",
    "the last assignment": """
def f(): pass
def g(): pass
h = f
h = g
h()  #> call g
""",
    "either way of a branch": """
def f(): pass
def g(): pass
if input():
    h = f
else:
    h = g
h()  #> call f; call g
""",
    "a way that ends": """
def f(): pass
def g(): pass
def main(x):
    h = f
    if x:
        h = g
        return
    h()  #> call f
""",
    "a turn of a loop": """
def f(): pass
def g(): pass
h = f
for x in range(3):
    h()  #> call f; call g
    h = g
""",
    "a handler sees any part of the body": """
def f(): pass
def g(): pass
h = f
try:
    h = g
    int('x')
except ValueError:
    h()  #> call f; call g
""",
    "a parameter": """
def f(): pass
def run(x):
    x()  #> call f
run(f)  #> call run
""",
    "a parameter by name": """
def f(): pass
def run(*, x):
    x()  #> call f
run(x=f)  #> call run
""",
    "a default": """
def f(): pass
def run(x=f):
    x()  #> call f
run()  #> call run
""",
    "the rest": """
def f(): pass
def run(a, *rest):
    rest[0]()  #> call f
run(1, f)  #> call run
""",
    "the rest handed on": """
def f(): pass
def g(): pass
def inner(a, b):
    b()  #> call g
def run(*rest):
    inner(*rest)  #> call inner
run(f, g)  #> call run
""",
    "names handed on": """
def f(): pass
def inner(x=None, y=None):
    y()  #> call f
def run(**names):
    inner(**names)  #> call inner
run(y=f)  #> call run
""",
    "a return": """
def f(): pass
def give():
    return f
give()()  #> call give; call f
""",
    "a closure": """
def make(x):
    def inner():
        x()  #> call f
    return inner
def f(): pass
make(f)()  #> call make; call make.<locals>.inner
""",
    "a nonlocal": """
def f(): pass
def make():
    held = None
    def fill():
        nonlocal held
        held = f
    fill()  #> call make.<locals>.fill
    held()  #> call f
make()  #> call make
""",
    "a global": """
def f(): pass
held = None
def fill():
    global held
    held = f
fill()  #> call fill
held()  #> call f
""",
    "a lambda": """
def f(): pass
g = lambda: f()  #> call f
g()  #> call <lambda>
""",
    "a method": """
class C:
    def m(self):
        self.n()  #> call C.n
    def n(self): pass
C().m()  #> call C; call C.m
""",
    "a constructor": """
class C:
    def __init__(self): pass
C()  #> call C.__init__
""",
    "an inherited method": """
class A:
    def m(self): pass
class B(A): pass
B().m()  #> call B; call A.m
""",
    "a method that is defined anew": """
class A:
    def m(self):
        self.n()  #> call B.n
    def n(self): pass
class B(A):
    def n(self): pass
B().m()  #> call B; call A.m
""",
    "the first of two bases": """
class A:
    def m(self): pass
class B:
    def m(self): pass
class C(A, B): pass
C().m()  #> call C; call A.m
""",
    "a diamond": """
class A:
    def m(self): pass
class B(A): pass
class C(A):
    def m(self): pass
class D(B, C): pass
D().m()  #> call D; call C.m
""",
    "super": """
class A:
    def __init__(self): pass
class B(A):
    def __init__(self):
        super().__init__()  #> call A.__init__
B()  #> call B.__init__
""",
    "super in a diamond goes sideways": """
class A:
    def m(self): pass
class B(A):
    def m(self):
        super().m()  #> call C.m
class C(A):
    def m(self):
        super().m()  #> call A.m
class D(B, C): pass
D().m()  #> call D; call B.m
""",
    "an attribute of an object": """
def f(): pass
class C:
    def __init__(self):
        self.run = f
    def go(self):
        self.run()  #> call f
C().go()  #> call C.__init__; call C.go
""",
    "an attribute of a class": """
class C:
    def m(self): pass
class D:
    of = C
    def go(self):
        self.of().m()  #> call C; call C.m
""",
    "a class method": """
class C:
    @classmethod
    def make(cls):
        return cls()  #> call C
C.make()  #> call C.make
""",
    "a static method": """
class C:
    @staticmethod
    def m(): pass
C.m()  #> call C.m
C().m()  #> call C; call C.m
""",
    "a property": """
class C:
    @property
    def p(self): return 1
C().p  #> call C; call C.p
""",
    "a setter": """
class C:
    @property
    def p(self): return 1
    @p.setter
    def p(self, x): helper()  #> call helper
def helper(): pass
c = C()  #> call C
c.p = 3  #> call C.p
""",
    "an object that is called": """
class C:
    def __call__(self): pass
C()()  #> call C; call C.__call__
""",
    "with": """
class C:
    def __enter__(self):
        return self
    def __exit__(self, *a): pass
    def m(self): pass
with C() as c:  #> call C; call C.__enter__; call C.__exit__
    c.m()  #> call C.m
""",
    "a context manager that yields": """
import contextlib
def f(): pass
@contextlib.contextmanager
def held():
    yield f
with held() as g:  #> call held
    g()  #> call f
""",
    "an operator": """
class C:
    def __add__(self, x): pass
C() + 1  #> call C; call C.__add__
""",
    "an iterator": """
class C:
    def __iter__(self):
        return self
    def __next__(self):
        return f
def f(): pass
for x in C():  #> call C; call C.__iter__; call C.__next__
    x()  #> call f
""",
    "a generator": """
def f(): pass
def g():
    yield f
for x in g():  #> call g
    x()  #> call f
""",
    "yield from": """
def f(): pass
def a():
    yield f
def b():
    yield from a()  #> call a
for x in b():  #> call b
    x()  #> call f
""",
}
