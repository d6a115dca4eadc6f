"""The mathematics of auto labeling: what is learned from labels, what comes next, what can be accepted at once, which
images belong together, and whether it saves work. Arrays in, arrays out; no Django."""
