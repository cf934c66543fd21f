// The tiled product behind matrix products and convolutions: out = A B, where a file of a family
// says what A and B are at an index (`a_at`, `b_at`) and where an element of the product goes
// (`store`). Every element is summed in ascending order of k, whatever the tile.
//
// A workgroup computes a tile of ROWS × COLUMNS; it walks along k in steps of DEPTH, which it copies
// to workgroup memory. A thread computes EACH neighbouring rows of four neighbouring columns.

const THREADS = (ROWS / EACH) * (COLUMNS / 4u);

var<workgroup> tile_a: array<f32, ROWS * DEPTH>;
var<workgroup> tile_b: array<vec4<f32>, DEPTH * COLUMNS / 4u>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles = vec2((p.m + ROWS - 1u) / ROWS, (p.n + COLUMNS - 1u) / COLUMNS);
    let index = group.y * groups.x + group.x;
    let batch = index / (tiles.x * tiles.y);
    let first_row = index / tiles.y % tiles.x * ROWS;
    let first_column = index % tiles.y * COLUMNS;
    if batch >= p.batch {
        return;
    }
    let row = local / (COLUMNS / 4u) * EACH;
    let column = local % (COLUMNS / 4u);
    var sums: array<vec4<f32>, EACH>;
    for (var first = 0u; first < p.k; first += DEPTH) {
        for (var i = local; i < ROWS * DEPTH; i += THREADS) {
            // Neighbours in memory are loaded by neighbouring threads.
            var at = vec2(i / DEPTH, i % DEPTH);
            if ALONG_ROWS {
                at = vec2(i % ROWS, i / ROWS);
            }
            var value = 0.0;
            if first_row + at.x < p.m && first + at.y < p.k {
                value = a_at(batch, first_row + at.x, first + at.y);
            }
            tile_a[at.y * ROWS + at.x] = value;
        }
        for (var i = local; i < DEPTH * COLUMNS / 4u; i += THREADS) {
            let k = first + i / (COLUMNS / 4u);
            let start = first_column + i % (COLUMNS / 4u) * 4u;
            var value = vec4(0.0);
            if k < p.k {
                for (var j = 0u; j < 4u; j++) {
                    if start + j < p.n {
                        value[j] = b_at(batch, k, start + j);
                    }
                }
            }
            tile_b[i] = value;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let b = tile_b[k * (COLUMNS / 4u) + column];
            for (var i = 0u; i < EACH; i++) {
                sums[i] = fma(vec4(tile_a[k * ROWS + row + i]), b, sums[i]);
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < EACH; i++) {
        for (var j = 0u; j < 4u; j++) {
            let to = vec2(first_row + row + i, first_column + column * 4u + j);
            if to.x < p.m && to.y < p.n {
                store(batch, to.x, to.y, sums[i][j]);
            }
        }
    }
}
