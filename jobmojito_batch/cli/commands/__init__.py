"""The commands by what they are for. Each loads what it needs when it is called."""
