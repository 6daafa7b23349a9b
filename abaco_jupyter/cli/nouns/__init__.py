"""The commands, a module for each noun. Each has `add(app)`, which registers them."""
