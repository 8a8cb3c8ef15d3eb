"""The journal's file format: records, hash chain, segments, checkpoints, and keys."""
