use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::rules::{Product, Saved};
use crate::{Desc, Op, Result, Shape, Tensor, Update};

/// A tensor that records the operations behind it, so that [`grad`] can differentiate it.
///
/// `Var<T>` is itself a [`Tensor`]. A model written against the trait runs on `T` for its values
/// and on `Var<T>` for its gradients; `Var<Var<T>>` gives second-order gradients.
#[derive(Clone)]
pub struct Var<T: Tensor> {
    value: T,
    node: Option<Arc<Node<T>>>,
}

struct Node<T: Tensor> {
    /// Greater than the id of every input, so that descending ids are an order for the backward
    /// pass.
    id: u64,
    /// `None` for a leaf.
    op: Option<Op>,
    inputs: Vec<Edge<T>>,
    /// The output, if the rule needs it.
    output: Option<T>,
}

/// An input: the saved part that the rule needs, and the node that gets the partial.
type Edge<T> = (Saved<T>, Option<Arc<Node<T>>>);

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl<T: Tensor> Node<T> {
    fn new(op: Option<Op>, inputs: Vec<Edge<T>>, output: Option<T>) -> Arc<Self> {
        Arc::new(Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), op, inputs, output })
    }
}

impl<T: Tensor> Drop for Node<T> {
    /// Frees the inputs in a loop: dropping a chain of a million nodes recursively would overflow
    /// the stack.
    fn drop(&mut self) {
        let take = |node: &mut Self, stack: &mut Vec<Arc<Self>>| {
            stack.extend(node.inputs.drain(..).filter_map(|(_, input)| input));
        };
        let mut stack = Vec::new();
        take(self, &mut stack);
        while let Some(node) = stack.pop() {
            if let Some(mut last) = Arc::into_inner(node) {
                take(&mut last, &mut stack);
            }
        }
    }
}

impl<T: Tensor> Var<T> {
    /// A variable that [`grad`] can differentiate by.
    pub fn leaf(value: T) -> Self {
        Self { value, node: Some(Node::new(None, Vec::new(), None)) }
    }

    /// A value that receives no gradient.
    pub fn constant(value: T) -> Self {
        Self { value, node: None }
    }

    /// The value, without its graph.
    pub fn value(&self) -> &T {
        &self.value
    }
}

impl<T: Tensor> Tensor for Var<T> {
    type Device = T::Device;

    fn device(&self) -> &T::Device {
        self.value.device()
    }

    fn desc(&self) -> &Desc {
        self.value.desc()
    }

    fn from_slice(device: &T::Device, data: &[f32], shape: impl Into<Shape>) -> Result<Self> {
        T::from_slice(device, data, shape).map(Self::constant)
    }

    fn read(&self) -> impl Future<Output = Result<Vec<f32>>> {
        self.value.read()
    }

    fn apply(device: &T::Device, op: Op, inputs: &[&Self]) -> Result<Self> {
        let wanted: Vec<bool> = inputs.iter().map(|input| input.node.is_some()).collect();
        let tracked = wanted.contains(&true);
        if tracked && !op.has_rule() {
            op.infer(&inputs.iter().map(|input| input.desc()).collect::<Vec<_>>())?;
            return op.expand(inputs).expect("an operation has a rule or an expansion");
        }
        let values: Vec<&T> = inputs.iter().map(|input| &input.value).collect();
        let value = T::apply(device, op.clone(), &values)?;
        if !tracked || op.is_flat() {
            return Ok(Self::constant(value));
        }
        let saves = op.saves(&wanted);
        let inputs = inputs
            .iter()
            .enumerate()
            .map(|(i, input)| {
                let keep = saves.inputs.get(i) == Some(&true);
                let value = keep.then(|| input.value.clone());
                (Saved { desc: *input.desc(), value }, input.node.clone())
            })
            .collect();
        let output = saves.output.then(|| value.clone());
        Ok(Self { value, node: Some(Node::new(Some(op), inputs, output)) })
    }

    /// Updates the value. The variable becomes a constant.
    fn update(&mut self, update: &Update, state: &mut [&mut Self], inputs: &[&Self]) -> Result<()> {
        self.node = None;
        let mut state: Vec<&mut T> = state.iter_mut().map(|s| &mut s.value).collect();
        let inputs: Vec<&T> = inputs.iter().map(|input| &input.value).collect();
        self.value.update(update, &mut state, &inputs)
    }
}

/// The gradients of the sum of all elements of `y` by each of `xs`, each with the shape of its
/// variable. A variable that `y` does not depend on gets zeros.
///
/// `grad` consumes `y` and frees each node of its graph once the node is processed. It keeps nodes
/// that other variables hold. It keeps the factors of a recurrent weight's gradient until all of
/// them are there.
///
/// # Errors
/// If an operation of a rule fails.
///
/// ```
/// use kinora_tensor::conformance::Reference;
/// use kinora_tensor::{Tensor, Var, grad};
///
/// let x = Var::leaf(Reference::from_slice(&(), &[1.0, 2.0, 3.0], [3])?);
/// let y = x.mul(&x)?.mul(&x)?; // y = x³
/// let dx = grad(y, &[&x])?;
/// assert_eq!(dx[0].to_vec()?, [3.0, 12.0, 27.0]); // 3 x²
/// # Ok::<(), kinora_tensor::Error>(())
/// ```
pub fn grad<T: Tensor>(y: Var<T>, xs: &[&Var<T>]) -> Result<Vec<T>> {
    let seed = T::full(y.device(), 1.0, *y.shape())?;
    grad_from(y, seed, xs)
}

/// The gradients of ⟨seed, y⟩ by each of `xs`: like [`grad`], with `seed` as the gradient of `y`.
///
/// # Errors
/// If `seed` and `y` differ in the number of elements, or an operation of a rule fails.
pub fn grad_from<T: Tensor>(y: Var<T>, seed: T, xs: &[&Var<T>]) -> Result<Vec<T>> {
    let seed = seed.reshape(*y.shape())?;
    let targets: HashMap<u64, Desc> =
        xs.iter().filter_map(|x| Some((x.node.as_ref()?.id, *x.desc()))).collect();
    let mut found = HashMap::new();
    if let Some(root) = y.node {
        drop(y.value);
        walk(root, seed, &targets, &mut found)?;
    }
    xs.iter()
        .map(|x| match x.node.as_ref().and_then(|node| found.get(&node.id)) {
            Some(gradient) => Ok(T::clone(gradient)),
            None => T::full(x.device(), 0.0, *x.shape()),
        })
        .collect()
}

fn walk<T: Tensor>(
    root: Arc<Node<T>>,
    seed: T,
    targets: &HashMap<u64, Desc>,
    found: &mut HashMap<u64, T>,
) -> Result<()> {
    let (on_the_way, uses) = reaching(&root, targets);
    if !on_the_way.get(&root.id).copied().unwrap_or(false) {
        return Ok(());
    }
    let mut sums = HashMap::from([(root.id, Sum::of(seed))]);
    let mut heap = BinaryHeap::from([Step(root)]);
    while let Some(Step(node)) = heap.pop() {
        let sum = sums.remove(&node.id).expect("a node is queued with its first gradient");
        let Some(g) = sum.finish()? else { continue };
        if targets.contains_key(&node.id) {
            found.insert(node.id, g.clone());
        }
        let Some(op) = &node.op else { continue };
        let mut wanted: Vec<bool> = node
            .inputs
            .iter()
            .map(|(_, input)| input.as_ref().is_some_and(|input| on_the_way[&input.id]))
            .collect();
        if !wanted.contains(&true) {
            continue;
        }
        let mut send = |i: usize, gradient: Gradient<T>| -> Result<()> {
            let input = node.inputs[i].1.as_ref().expect("a wanted input has a node");
            let sum = sums.entry(input.id).or_insert_with(|| {
                heap.push(Step(input.clone()));
                Sum::default()
            });
            sum.add(gradient)
        };
        if let &Op::Slice { axis, start, .. } = op {
            let of = node.inputs[0].0.desc.shape;
            send(0, Gradient::Cut(Cut { axis, start, of, g }))?;
            continue;
        }
        let saved: Vec<Saved<T>> = node.inputs.iter().map(|(saved, _)| saved.clone()).collect();
        if let [_, (of, Some(weight))] = &node.inputs[..]
            && wanted[1]
            && uses[&weight.id] >= OFTEN
            && let Some(product) = op.product(&saved, &g)
            && product.elements() <= SMALL * of.desc.shape.elements()
        {
            send(1, Gradient::Product(product))?;
            wanted[1] = false;
        }
        let partials = op.partials(&saved, node.output.as_ref(), &g, &wanted)?;
        for (i, partial) in partials.into_iter().enumerate() {
            if let Some(partial) = partial.filter(|_| wanted[i]) {
                send(i, Gradient::Whole(partial))?;
            }
        }
    }
    Ok(())
}

/// A weight used at least this often, as in a recurrence, gets its gradient from one product over
/// all uses instead of a sum of small products. The factors stay in memory until the backward pass
/// reaches the weight.
const OFTEN: usize = 3;
/// A use joins this product if its factors have at most this many elements per element of the
/// weight.
const SMALL: usize = 8;

/// For each node that `root` depends on: whether it is a target or depends on one, and how often it
/// is an input.
fn reaching<T: Tensor>(
    root: &Arc<Node<T>>,
    targets: &HashMap<u64, Desc>,
) -> (HashMap<u64, bool>, HashMap<u64, usize>) {
    let mut edges: HashMap<u64, Vec<u64>> = HashMap::new();
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        if edges.contains_key(&node.id) {
            continue;
        }
        let inputs = || node.inputs.iter().filter_map(|(_, input)| input.as_ref());
        edges.insert(node.id, inputs().map(|input| input.id).collect());
        stack.extend(inputs());
    }
    let mut ids: Vec<u64> = edges.keys().copied().collect();
    ids.sort_unstable();
    let mut reaching = HashMap::with_capacity(ids.len());
    let mut uses = HashMap::with_capacity(ids.len());
    for id in ids {
        edges[&id].iter().for_each(|&input| *uses.entry(input).or_default() += 1);
        let reaches = targets.contains_key(&id) || edges[&id].iter().any(|input| reaching[input]);
        reaching.insert(id, reaches);
    }
    (reaching, uses)
}

/// A node in the queue of the backward pass, ordered by id, largest first.
struct Step<T: Tensor>(Arc<Node<T>>);

impl<T: Tensor> PartialEq for Step<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl<T: Tensor> Eq for Step<T> {}

impl<T: Tensor> PartialOrd for Step<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Tensor> Ord for Step<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

enum Gradient<T> {
    Whole(T),
    Cut(Cut<T>),
    Product(Product<T>),
}

/// The gradient of a slice of a tensor of shape `of`.
struct Cut<T> {
    axis: usize,
    start: usize,
    of: Shape,
    g: T,
}

/// The gradients that have reached a node so far. Gradients of slices are collected, to become one
/// concatenation instead of a sum of padded tensors. Products are collected, to become one product.
struct Sum<T> {
    whole: Option<T>,
    cuts: Vec<Cut<T>>,
    products: Vec<Product<T>>,
}

impl<T> Default for Sum<T> {
    fn default() -> Self {
        Self { whole: None, cuts: Vec::new(), products: Vec::new() }
    }
}

impl<T: Tensor> Sum<T> {
    fn of(whole: T) -> Self {
        Self { whole: Some(whole), ..Self::default() }
    }

    fn add(&mut self, gradient: Gradient<T>) -> Result<()> {
        match gradient {
            Gradient::Cut(cut) => self.cuts.push(cut),
            Gradient::Product(product) => self.products.push(product),
            Gradient::Whole(g) => {
                self.whole = Some(match self.whole.take() {
                    Some(sum) => sum.add(&g)?,
                    None => g,
                });
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Option<T>> {
        if let Some(sum) = Product::sum(std::mem::take(&mut self.products))? {
            self.add(Gradient::Whole(sum))?;
        }
        let mut cuts = std::mem::take(&mut self.cuts);
        cuts.sort_by_key(|cut| (cut.axis, cut.start));
        while !cuts.is_empty() {
            // One round takes cuts of one axis that do not overlap; the rest is for later rounds.
            let (axis, mut end) = (cuts[0].axis, 0);
            let (round, rest): (Vec<_>, Vec<_>) = cuts.into_iter().partition(|cut| {
                let fits = cut.axis == axis && cut.start >= end;
                if fits {
                    end = cut.start + cut.g.shape()[axis];
                }
                fits
            });
            cuts = rest;
            self.add(Gradient::Whole(gather_cuts(round)?))?;
        }
        Ok(self.whole)
    }
}

fn gather_cuts<T: Tensor>(cuts: Vec<Cut<T>>) -> Result<T> {
    let (axis, of) = (cuts[0].axis, cuts[0].of);
    if let [cut] = &cuts[..] {
        return cut.g.pad(axis, cut.start, of[axis] - cut.start - cut.g.shape()[axis]);
    }
    let device = cuts[0].g.device().clone();
    let zeros = |len: usize| T::full(&device, 0.0, of.with(axis, len));
    let mut parts = Vec::new();
    let mut end = 0;
    for cut in cuts {
        if cut.start > end {
            parts.push(zeros(cut.start - end)?);
        }
        end = cut.start + cut.g.shape()[axis];
        parts.push(cut.g);
    }
    if end < of[axis] {
        parts.push(zeros(of[axis] - end)?);
    }
    T::concat(&parts.iter().collect::<Vec<_>>(), axis)
}
