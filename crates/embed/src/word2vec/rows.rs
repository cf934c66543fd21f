//! Vectors that threads share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows of numbers that several threads read and change, a row at a time.
///
/// What a thread adds may meet a row that others have changed since it was read, as in Recht et al.,
/// "Hogwild", 2011; but no change is lost, and none is seen half made.
pub(super) struct Rows(Vec<Mutex<Box<[f32]>>>);

impl Rows {
    pub fn new(rows: usize, dim: usize, mut value: impl FnMut() -> f32) -> Self {
        Self((0..rows).map(|_| Mutex::new((0..dim).map(|_| value()).collect())).collect())
    }

    #[inline]
    pub fn row(&self, index: u32) -> MutexGuard<'_, Box<[f32]>> {
        // Nobody panics with a row in hand; and if so, there are numbers in it still.
        self.0[index as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All rows after one another.
    pub fn all(self) -> Vec<f32> {
        let rows = self.0.into_iter();
        rows.flat_map(|row| row.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }
}
