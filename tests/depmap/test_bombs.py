"""Does a script that nobody would write end in an answer, and not end the map of all the others?"""

from pathlib import Path

from agentkit.depmap.disk import Disk
from agentkit.depmap.shellscript import read_script
from agentkit.depmap.splitting import MOST_WORDS, expand_braces

DEEP = 5000


def test_what_is_nested_too_deep_is_read_in_part(tmp_path: Path) -> None:
    text = "echo " + "${a:-" * DEEP + "curl" + "}" * DEEP
    script = read_script("/bomb", f"#!/bin/sh\nfirst\n{text}\n".encode(), Disk(str(tmp_path)))
    assert not script.is_whole
    assert ("first",) in {call.words for call in script.calls}


def test_braces_that_stand_for_millions_of_words_are_a_few_at_once() -> None:
    assert len(expand_braces("{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t}" * 6)) == MOST_WORDS
    assert expand_braces("{a,b}{1..2}") == ["a1", "a2", "b1", "b2"]
