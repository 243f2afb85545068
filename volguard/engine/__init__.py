"""The decision core: one pure step per event. Same events in, same decisions out, byte for byte."""
