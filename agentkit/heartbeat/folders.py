"""Which files do scheduled lines run through run-parts, and do these leave evidence?"""
