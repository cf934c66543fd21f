use std::convert::Infallible;

use kinora_tensor::{Desc, Tensor, Var};

/// A layer or a network whose tensors have the type `T`.
///
/// An implementation writes one method, [`Module::try_map`]. Tensor names, files, [`lift`],
/// [`Ema`](crate::Ema) and [`Adam`](crate::Adam) all build on it. `T` may be any type: a backend's
/// tensor, a [`Var`], a [`Desc`], an index.
///
/// ```
/// use kinora_nn::{Linear, Module, join};
///
/// struct Net<T> {
///     first: Linear<T>,
///     last: Linear<T>,
/// }
///
/// impl<T> Module<T> for Net<T> {
///     type Of<U> = Net<U>;
///
///     fn try_map<'a, U, E>(
///         &'a self,
///         path: &str,
///         f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
///     ) -> Result<Net<U>, E> {
///         Ok(Net {
///             first: self.first.try_map(&join(path, "first"), f)?,
///             last: self.last.try_map(&join(path, "last"), f)?,
///         })
///     }
/// }
/// ```
pub trait Module<T>: Sized {
    /// The same module with tensors of another type.
    type Of<U>: Module<U, Of<T> = Self>;

    /// Maps every tensor with `f`, in a fixed order, and builds the module from the results. `f`
    /// gets the name (`path.weight`) and the tensor.
    ///
    /// A name with a part `buffer` (`path.buffer.u`) belongs to a [buffer](is_buffer).
    ///
    /// # Errors
    /// The first error of `f`.
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Self::Of<U>, E>;

    /// All tensors with their names, including buffers.
    fn named(&self) -> Vec<(String, &T)> {
        let mut named = Vec::new();
        self.map(|name, tensor| named.push((name.to_string(), tensor)));
        named
    }

    /// [`Module::try_map`] with a function that cannot fail.
    fn map<'a, U>(&'a self, mut f: impl FnMut(&str, &'a T) -> U) -> Self::Of<U>
    where
        T: 'a,
    {
        let mapped = self.try_map("", &mut |name, tensor| Ok::<U, Infallible>(f(name, tensor)));
        match mapped {
            Ok(mapped) => mapped,
            Err(never) => match never {},
        }
    }
}

/// `path.name`, or `name` if the path is empty.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

/// Whether a tensor of this name is a buffer: whether one of the dot-separated parts of the name is
/// `buffer`. Buffers are saved in files but not trained.
pub fn is_buffer(name: &str) -> bool {
    name.split('.').any(|part| part == "buffer")
}

/// The module with its parameters as variables and its buffers as constants, for gradients.
///
/// The variables share memory with `module`. Drop them before [`Adam::step`](crate::Adam::step), so
/// that `step` can update the parameters in place.
pub fn lift<T: Tensor, M: Module<T>>(module: &M) -> M::Of<Var<T>> {
    module.map(|name, tensor| match is_buffer(name) {
        true => Var::constant(tensor.clone()),
        false => Var::leaf(tensor.clone()),
    })
}

/// The module with all tensors as constants. Gradients flow through it to its inputs, but not to
/// its parameters.
pub fn freeze<T: Tensor, M: Module<T>>(module: &M) -> M::Of<Var<T>> {
    module.map(|_, tensor| Var::constant(tensor.clone()))
}

/// The trained tensors (all but the buffers), in the order of [`Module::try_map`].
pub fn parameters<T, M: Module<T>>(module: &M) -> Vec<&T> {
    let mut parameters = Vec::new();
    module.map(|name, tensor| {
        if !is_buffer(name) {
            parameters.push(tensor);
        }
    });
    parameters
}

/// The outline of a module: the descriptions of its tensors.
pub fn describe<T: Tensor, M: Module<T>>(module: &M) -> M::Of<Desc> {
    module.map(|_, tensor| *tensor.desc())
}

/// The number of elements of all parameters of an outline, without buffers. For a module with
/// tensors, use `count(&describe(&module))`.
pub fn count<M: Module<Desc>>(outline: &M) -> usize {
    parameters(outline).iter().fold(0, |sum: usize, desc| sum.saturating_add(desc.shape.elements()))
}

/// A module taken apart: its structure with an index in place of each tensor, and the tensors with
/// their names. Once the module is dropped, `Parts` is the only owner of the tensors, so they can
/// be updated in place.
pub(crate) struct Parts<T, M: Module<T>> {
    structure: M::Of<usize>,
    pub names: Vec<String>,
    pub tensors: Vec<T>,
}

impl<T: Clone, M: Module<T>> Parts<T, M> {
    pub fn of(module: &M) -> Self {
        let (mut names, mut tensors) = (Vec::new(), Vec::new());
        let structure = module.map(|name, tensor| {
            names.push(name.to_string());
            tensors.push(tensor.clone());
            tensors.len() - 1
        });
        Self { structure, names, tensors }
    }

    pub fn join(self) -> M {
        self.structure.map(|_, &place| self.tensors[place].clone())
    }
}

impl<T, M: Module<T>> Module<T> for Vec<M> {
    type Of<U> = Vec<M::Of<U>>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Self::Of<U>, E> {
        let part = |(i, m): (usize, &'a M)| m.try_map(&join(path, &i.to_string()), f);
        self.iter().enumerate().map(part).collect()
    }
}

impl<T, M: Module<T>> Module<T> for Option<M> {
    type Of<U> = Option<M::Of<U>>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Self::Of<U>, E> {
        self.as_ref().map(|module| module.try_map(path, f)).transpose()
    }
}

impl<T, A: Module<T>, B: Module<T>> Module<T> for (A, B) {
    type Of<U> = (A::Of<U>, B::Of<U>);

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Self::Of<U>, E> {
        Ok((self.0.try_map(&join(path, "0"), f)?, self.1.try_map(&join(path, "1"), f)?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Linear;

    /// `Parts` must be the only owner of its tensors: otherwise no update is in place.
    #[test]
    fn parts_hold_their_tensors_alone() {
        let linear = || Linear { weight: Arc::new(1), bias: Some(Arc::new(2)) };
        let module = (vec![linear(), linear()], Some(linear()));
        let parts = Parts::of(&module);
        drop(module);
        assert!(parts.tensors.iter().all(|tensor| Arc::strong_count(tensor) == 1));
        let names = ["0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias", "1.weight", "1.bias"];
        assert_eq!(parts.names, names);
        let module = parts.join();
        assert!(module.named().iter().all(|(_, tensor)| Arc::strong_count(tensor) == 1));
    }
}
