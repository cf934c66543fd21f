//! A text-conditional video GAN: generator, discriminators, attention and losses
