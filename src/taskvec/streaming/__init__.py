"""How work is run: units, plan, memory, events, executors."""
