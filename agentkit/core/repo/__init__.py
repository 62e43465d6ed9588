"""A git repository of a person as agentkit sees it: it reads, adds objects beside what is there, and moves nothing."""
