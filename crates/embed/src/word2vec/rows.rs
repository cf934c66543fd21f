//! Vectors that several threads update.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows of numbers that several threads read and change, with a lock per row.
///
/// Other threads may change a row between a thread's read and its update, as in Recht et al.,
/// "Hogwild", 2011. The locks ensure that no update is lost or half visible.
pub(super) struct Rows(Vec<Mutex<Box<[f32]>>>);

impl Rows {
    pub fn new(rows: usize, dim: usize, mut value: impl FnMut() -> f32) -> Self {
        Self((0..rows).map(|_| Mutex::new((0..dim).map(|_| value()).collect())).collect())
    }

    #[inline]
    pub fn row(&self, index: u32) -> MutexGuard<'_, Box<[f32]>> {
        // A panic while a row is locked would leave valid numbers in it, so poisoning is ignored.
        self.0[index as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All rows, concatenated.
    pub fn all(self) -> Vec<f32> {
        let rows = self.0.into_iter();
        rows.flat_map(|row| row.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }
}
