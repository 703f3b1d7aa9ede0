"""`fieldsync torture`: real processes, a scratch outbox and the sandbox, and everything that can go wrong on purpose.

`deck` deals the faults, `faults_*` make them happen, `invariants` says what must be true afterwards, `rounds` joins
them. Nothing here touches the outbox, the settings or the network of the device.
"""
