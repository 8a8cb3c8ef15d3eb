"""Writing the journal: start and recovery, group commit, segment rotation, and retention."""
