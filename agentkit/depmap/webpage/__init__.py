"""How does a person see the map: as one page that needs neither a network nor a server?

`page.html`, `page.css` and the scripts beside this module are the page as it is written; `core.webpage` makes one file
of them, and `mapdata` puts the map into it.
"""
