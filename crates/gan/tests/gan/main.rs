//! Compares the networks with their formulas, and their gradients with differences.

mod attention;
mod completer;
mod differences;
mod discriminator;
mod generator;
mod loss;
mod matcher;
mod palette;
mod parts;
