"""One folder a service, the same file names in each; see docs/ARCHITECTURE.md. Services never import each other."""
