"""One file a term: `of(config)` gives the term, `None` where its weight is 0."""
