"""The commands: each parses, calls one function, renders. Heavy imports wait inside the commands."""
