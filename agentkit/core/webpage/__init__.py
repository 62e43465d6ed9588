"""How does a command show a person something as one page that needs neither a network nor a server?

`composing` makes one file of what stands in a command's folder; `ground.css` and `elements.js` beside it are what such
pages share: colours and the bar on top, and elements that are made from text and never from markup.
"""
