"""Parts that know nothing of localstory: they get their words from whoever uses them."""
