"""The management API under /api/v1: FastAPI, never on the data path."""
