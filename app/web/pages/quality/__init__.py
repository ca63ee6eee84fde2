"""Quality: scores with their way over the weeks, findings, and a page for each."""
