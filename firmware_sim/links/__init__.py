"""Lines between twins and hosts: in memory, pty, MQTT; faults are injected on bytes."""
