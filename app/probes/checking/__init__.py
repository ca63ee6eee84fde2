"""One HTTP check of one target: a request in, a result out, no database."""
