// The tiled product behind matrix products and convolutions: out = A B. A file of a family says what
// A and B are: `extent` how many rows and how long a sum a batch has, p.m and p.k at most; `a_row` and
// `a_column` are what is known of a row and of a k alone, `a_at` where the element at both lies, or -1
// where it is 0, `a_load` what lies there; `b_row` is where row k of B begins, `b_load` an element of
// it; `store` says where an element of the product goes. Every element is summed in ascending order of
// k, whatever the tile.
//
// A workgroup computes a tile of ROWS × COLUMNS; it walks along k in steps of DEPTH, which it copies
// to workgroup memory. A thread computes EACH neighbouring rows of four neighbouring columns.

const THREADS = (ROWS / EACH) * (COLUMNS / 4u);
const QUADS = COLUMNS / 4u;
// What a thread loads of A at each step: WIDE neighbours in memory at a time, since to find where they
// lie is more work than to load them. These have one row and so many k, or where ALONG_ROWS one k and so
// many rows, and neighbouring threads load what is next to them.
const LOADS = ROWS * DEPTH / THREADS / WIDE;
const ALONG = select(DEPTH, ROWS, ALONG_ROWS) / WIDE;
const ACROSS = THREADS / ALONG;
// From one k to the next: the threads of a row of the tile would else want one bank.
const STRIDE = ROWS + 1u;

var<workgroup> tile_a: array<f32, STRIDE * DEPTH>;
var<workgroup> tile_b: array<vec4<f32>, DEPTH * QUADS>;

// An element of B, 0 beyond the last.
fn b_at(row: u32, is_row: bool, column: u32) -> f32 {
    if is_row && column < p.n {
        return b_load(row, column);
    }
    return 0.0;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles = vec2((p.m + ROWS - 1u) / ROWS, (p.n + COLUMNS - 1u) / COLUMNS);
    let index = index_of(group, groups);
    let batch = index / (tiles.x * tiles.y);
    let first_row = index / tiles.y % tiles.x * ROWS;
    let first_column = index % tiles.y * COLUMNS;
    if batch >= p.batch {
        return;
    }
    let size = extent(batch);
    let along = local % ALONG * WIDE;
    let across = local / ALONG;
    var rows: array<vec4<i32>, LOADS>;
    for (var j = 0u; j < LOADS; j++) {
        rows[j] = a_row(batch, first_row + select(across + j * ACROSS, along, ALONG_ROWS));
    }
    let row = local / QUADS * EACH;
    let column = local % QUADS;
    var sums: array<vec4<f32>, EACH>;
    for (var first = 0u; first < size.y; first += DEPTH) {
        for (var j = 0u; j < LOADS; j++) {
            let beside = across + j * ACROSS;
            let k = select(along, beside, ALONG_ROWS);
            let at = a_at(rows[j], a_column(batch, first + k));
            for (var i = 0u; i < WIDE; i++) {
                var value = 0.0;
                if at >= 0 {
                    value = a_load(u32(at) + i);
                }
                let to = select((along + i) * STRIDE + beside, beside * STRIDE + along + i, ALONG_ROWS);
                tile_a[to] = value;
            }
        }
        for (var i = local; i < DEPTH * QUADS; i += THREADS) {
            let k = first + i / QUADS;
            let start = first_column + i % QUADS * 4u;
            let of_k = b_row(batch, min(k, size.y - 1u));
            let value = vec4(
                b_at(of_k, k < size.y, start),
                b_at(of_k, k < size.y, start + 1u),
                b_at(of_k, k < size.y, start + 2u),
                b_at(of_k, k < size.y, start + 3u),
            );
            tile_b[i] = value;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let b = tile_b[k * QUADS + column];
            for (var i = 0u; i < EACH; i++) {
                sums[i] = fma(vec4(tile_a[k * STRIDE + row + i]), b, sums[i]);
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < EACH; i++) {
        for (var j = 0u; j < 4u; j++) {
            let to = vec2(first_row + row + i, first_column + column * 4u + j);
            if to.x < size.x && to.y < p.n {
                store(batch, to.x, to.y, sums[i][j]);
            }
        }
    }
}
