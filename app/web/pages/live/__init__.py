"""Pages that keep themselves up to date: their parts, who looks at them, and the stream that tells what has changed."""
