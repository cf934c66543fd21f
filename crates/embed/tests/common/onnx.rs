//! Writes small encoders as ONNX files for tests.

use std::fs;

use kinora_text::Tokenizer;
use tempfile::TempDir;

pub const DIM: usize = 3;

/// A field of bytes with their length (Protocol Buffers, "Encoding").
pub fn field(number: u64, value: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

pub fn count(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// ValueInfoProto: the name, the type (1 f32, 7 i64) and a shape of `rank` symbolic sizes.
pub fn info(name: &str, kind: u64, rank: usize) -> Vec<u8> {
    let dims: Vec<u8> = (0..rank).flat_map(|i| field(1, &field(2, &[b'a' + i as u8]))).collect();
    let tensor = field(1, &[count(1, kind), field(2, &dims)].concat());
    [field(1, name.as_bytes()), field(2, &tensor)].concat()
}

/// NodeProto.
pub fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    let attributes: Vec<u8> = attributes.iter().flat_map(|it| field(5, it)).collect();
    [inputs, field(2, output.as_bytes()), field(4, op.as_bytes()), attributes].concat()
}

/// ModelProto: a lookup of the pieces' rows in the table, then the nodes of `rest`.
pub fn model(table: &[f32], inputs: &[&str], rest: &[Vec<u8>], output: Vec<u8>) -> Vec<u8> {
    let dims = [(table.len() / DIM) as u64, DIM as u64].into_iter().flat_map(|d| count(1, d));
    let raw: Vec<u8> = table.iter().flat_map(|x| x.to_le_bytes()).collect();
    let tensor = [dims.collect(), count(2, 1), field(8, b"table"), field(9, &raw)].concat();
    let gather = node("Gather", &["table", "input_ids"], "last_hidden_state", &[]);
    let mut graph = field(1, &gather);
    graph.extend(rest.iter().flat_map(|node| field(1, node)));
    graph.extend([field(2, b"encoder"), field(5, &tensor)].concat());
    graph.extend(inputs.iter().flat_map(|name| field(11, &info(name, 7, 2))));
    graph.extend(field(12, &output));
    let opset = [field(1, b""), count(2, 17)].concat();
    [count(1, 8), field(7, &graph), field(8, &opset)].concat()
}

pub fn pieces() -> Vec<u8> {
    info("last_hidden_state", 1, 3)
}

/// A folder with a tokenizer, the tokenizer, and a table with a row for each of its pieces.
pub fn made() -> (TempDir, Tokenizer, Vec<f32>) {
    let captions = ["a red knight walks", "a blue knight runs"];
    let tokenizer = Tokenizer::train(captions.into_iter(), 400).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokenizer.json"), tokenizer.to_json()).unwrap();
    let table = (0..tokenizer.vocab_size() * DIM).map(|i| ((i * i) as f32).sin()).collect();
    (folder, tokenizer, table)
}
