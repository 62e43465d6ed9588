"""How does a person see what was tried, and what came of it: as a family tree in one page?

`page.html`, `page.css` and the scripts beside this module are the page as it is written; `core.webpage` makes one file
of them, `treedata` reads what goes into it, and `writing` puts it where it was asked for.
"""
