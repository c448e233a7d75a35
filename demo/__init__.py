"""The demonstration: everything it needs is made here, and nothing leaves this machine."""
