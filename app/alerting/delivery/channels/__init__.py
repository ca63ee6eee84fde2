"""Ways to reach people: one module each; the registry names them all."""
