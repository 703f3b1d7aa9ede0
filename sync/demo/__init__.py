"""The whole story on the sandbox: captures without a network, a power cut in the middle, everything arriving by itself.

Nothing here is acted: the captures, the worker, its end and the comparison are real, only the API is the sandbox.
Imported by the `demo` command alone.
"""
