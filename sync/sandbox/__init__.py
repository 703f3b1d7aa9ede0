"""Stand-in for the interventions API and its signature storage, for demos and tests.

Strict where the real ones are strict, and faulty on request. Nothing of the product imports it except the
`sandbox` and `demo` commands. Start with `sync.sandbox.server`.
"""
