//! Code that all optimisers share.

use kinora_tensor::{Error, Result, Tensor, Update};

use crate::module::Parts;
use crate::{Module, is_buffer};

/// A state for each parameter of a module, made by `state` from the parameter, and the names of the parameters.
pub(crate) fn states<T, M: Module<T>, E>(
    module: &M,
    state: impl Fn(&T) -> Result<T, E>,
) -> Result<(Vec<T>, Vec<String>), E> {
    let trained = module.named().into_iter().filter(|(name, _)| !is_buffer(name));
    trained.map(|(name, tensor)| Ok((state(tensor)?, name))).collect()
}

/// The module after one step of the rule `update`, with the `state` of each parameter.
pub(crate) fn updated<T: Tensor, M: Module<T>, const N: usize>(
    op: &'static str,
    module: M,
    update: &Update,
    state: Vec<[&mut T; N]>,
    gradients: &[T],
    factor: &T,
) -> Result<M> {
    let mut parts = Parts::of(&module);
    drop(module);
    let named = parts.names.iter().zip(&mut parts.tensors);
    let trained = named.filter_map(|(name, tensor)| (!is_buffer(name)).then_some(tensor));
    let trained: Vec<&mut T> = trained.collect();
    if [gradients.len(), state.len()] != [trained.len(); 2] {
        return Err(Error::Shape {
            op,
            shapes: gradients.iter().map(|g| *g.shape()).collect(),
            reason: format!("one gradient is needed for each of {} parameters", trained.len()),
        });
    }
    for ((tensor, g), mut state) in trained.into_iter().zip(gradients).zip(state) {
        tensor.update(update, &mut state, &[g, factor])?;
    }
    Ok(parts.join())
}
