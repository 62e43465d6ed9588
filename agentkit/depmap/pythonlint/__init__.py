"""Which calls of Python can wait for ever, each with the call as it is bounded?"""
