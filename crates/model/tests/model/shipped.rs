//! The model of characters that ships says what its sentences say.

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_model::Model;

const COLOURS: [&str; 6] = ["red", "blue", "green", "black", "white", "purple"];

fn lpc() -> Model<CpuTensor> {
    Model::from_bytes(&CpuDevice::default(), kinora_assets::LPC.model, "lpc", None).unwrap()
}

/// The sentence vector for each colour, without the mean over the colours.
fn shifts(model: &Model<CpuTensor>, template: &str) -> Vec<Vec<f32>> {
    let texts = COLOURS.map(|colour| template.replace("COLOUR", colour));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let pieces = model.lexicon.read(&texts).unwrap();
    let all = model.net.encoder.forward(&pieces).unwrap().sentence;
    let rows: Vec<&[f32]> = all.data().chunks(all.data().len() / COLOURS.len()).collect();
    let mean = |k: usize| rows.iter().map(|row| row[k]).sum::<f32>() / rows.len() as f32;
    let mean: Vec<f32> = (0..rows[0].len()).map(mean).collect();
    rows.iter().map(|row| row.iter().zip(&mean).map(|(x, mean)| x - mean).collect()).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// A colour of the hair is another thing than the same colour of a robe: a reader that only collects
/// words would shift its vector alike for both.
#[test]
fn a_colour_belongs_to_its_noun() {
    let model = lpc();
    let hair = shifts(&model, "a woman with COLOUR hair in a brown robe walks to the left");
    let again = shifts(&model, "the COLOUR-haired woman in a green dress walks to the right");
    let robe = shifts(&model, "a woman with brown hair in a COLOUR robe walks to the left");
    let mean = |a: &[Vec<f32>], b: &[Vec<f32>]| {
        a.iter().zip(b).map(|(a, b)| cosine(a, b)).sum::<f32>() / COLOURS.len() as f32
    };
    let (same, other) = (mean(&hair, &again), mean(&hair, &robe));
    assert!(other < 0.5, "hair and robe of one colour: {other}");
    assert!(same > 0.8, "two ways to say a colour of hair: {same}");
}

/// The mean colour of the visible pixels of the upper part of the figure, where the hair is.
fn top(model: &Model<CpuTensor>, prompt: &str, seed: u64) -> [f32; 3] {
    let clip = model.sample(prompt, seed).unwrap();
    let [_, h, w, _] = clip.dims();
    let pixels: Vec<&[u8]> = clip.frame(0).chunks(4).collect();
    let is_seen = |y: &usize| pixels[y * w..(y + 1) * w].iter().any(|pixel| pixel[3] > 128);
    let first = (0..h).find(is_seen).unwrap();
    let rows = &pixels[first * w..(first + h / 8) * w];
    let seen: Vec<&&[u8]> = rows.iter().filter(|pixel| pixel[3] > 128).collect();
    let mean = |c| seen.iter().map(|pixel| f32::from(pixel[c])).sum::<f32>() / seen.len() as f32;
    [mean(0), mean(1), mean(2)]
}

#[test]
fn hair_has_the_colour_of_the_sentence() {
    let model = lpc();
    let mut right = 0;
    for (colour, channel) in [("red", 0), ("green", 1), ("blue", 2)] {
        for action in ["walks to the left", "casts a spell, facing us", "shoots a bow to the right"]
        {
            let prompt = format!("a woman with {colour} hair {action}");
            let mean = top(&model, &prompt, 0);
            let most = (0..3).max_by(|&a, &b| mean[a].total_cmp(&mean[b])).unwrap();
            right += usize::from(most == channel);
        }
    }
    assert!(right >= 8, "{right} of 9");
}
