//! The training loop of kinora: configuration, checkpoints, logs
