"""People who sign in to the pages: users with passwords, and what their browsers keep."""
