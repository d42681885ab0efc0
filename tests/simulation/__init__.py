"""The simulation: the real folding and writing code over a model of Kafka, disks and workers (docs/simulation.md)."""
