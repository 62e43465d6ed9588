"""Which checked things are not well, and which of them is the root?"""
