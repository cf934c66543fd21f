//! The networks against their formulas, their gradients against differences.

mod attention;
mod differences;
mod discriminator;
mod generator;
mod loss;
mod matcher;
mod recogniser;
