//! A CPU backend for kinora-tensor: channels-last, multi-threaded, with the same bits on any number of threads
