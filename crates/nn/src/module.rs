use std::convert::Infallible;

use kinora_tensor::{Desc, Tensor, Var};

/// A piece of a network whose tensors are of type `T`.
///
/// From its one method come names, files, the lift to [`Var`] for gradients, averages and the
/// optimiser's pairs. `T` may be anything: a backend's tensor, a variable, a [`Desc`], an index.
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
    /// The same piece with tensors of another type.
    type Of<U>: Module<U, Of<T> = Self>;

    /// Rebuilds the piece from its tensors, each with its name (`path.weight`), in a fixed order.
    ///
    /// A name with a part `buffer` (`path.buffer.u`) is that of a [buffer](is_buffer).
    ///
    /// # Errors
    /// The first error of `f`.
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Self::Of<U>, E>;

    /// All tensors with their names, buffers too.
    fn named(&self) -> Vec<(String, &T)> {
        let mut named = Vec::new();
        self.map(|name, tensor| named.push((name.to_string(), tensor)));
        named
    }

    /// [`Module::try_map`] with what cannot fail.
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

/// `path.name`, or `name` where the path is empty.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

/// Whether a tensor of this name is a buffer: kept in files, but not trained. It has a part
/// `buffer` in its name.
pub fn is_buffer(name: &str) -> bool {
    name.split('.').any(|part| part == "buffer")
}

/// The module with parameters that gradients are asked for, and with constant buffers.
///
/// The variables share the buffers of `module`: drop them before [`Adam::step`](crate::Adam::step),
/// which then works in place.
pub fn lift<T: Tensor, M: Module<T>>(module: &M) -> M::Of<Var<T>> {
    module.map(|name, tensor| match is_buffer(name) {
        true => Var::constant(tensor.clone()),
        false => Var::leaf(tensor.clone()),
    })
}

/// The module with constants alone: gradients flow through it, and none to it.
pub fn freeze<T: Tensor, M: Module<T>>(module: &M) -> M::Of<Var<T>> {
    module.map(|_, tensor| Var::constant(tensor.clone()))
}

/// All tensors but the buffers: what is trained, in the order of [`Module::try_map`].
pub fn parameters<T, M: Module<T>>(module: &M) -> Vec<&T> {
    let mut parameters = Vec::new();
    module.map(|name, tensor| {
        if !is_buffer(name) {
            parameters.push(tensor);
        }
    });
    parameters
}

/// The outline of a module.
pub fn describe<T: Tensor, M: Module<T>>(module: &M) -> M::Of<Desc> {
    module.map(|_, tensor| *tensor.desc())
}

/// How many elements the parameters of an outline have in all, without buffers; of a module with
/// tensors, take `count(&describe(&module))`.
pub fn count<M: Module<Desc>>(outline: &M) -> usize {
    parameters(outline).iter().fold(0, |sum: usize, desc| sum.saturating_add(desc.shape.elements()))
}

/// A module in two parts: its structure, whose places are numbered, and its tensors with their
/// names. With the module gone, nobody else holds the tensors, so they can be changed in place.
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

    /// Or no update would be in place.
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
