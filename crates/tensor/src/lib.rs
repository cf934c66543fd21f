//! A small tensor trait, its operations, and gradients of any order on every backend that implements it
