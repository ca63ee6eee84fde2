"""Quality as people look at it: scores by dimension, item and area with their way over the weeks, findings page by page."""
