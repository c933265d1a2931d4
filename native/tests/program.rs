//! Reading program files: what is refused, and that running what is not refused is safe.

use concordat_native::execute::Executor;
use concordat_native::plan::tier::Tier;
use concordat_native::program::Program;

/// Input of two 16-bit elements, and their products with two rows of weights: (1, -2) and (3, 4).
fn program() -> Vec<u8> {
    let mut bytes = b"CONCORD\x01".to_vec();
    for number in [2u32, 1, 1, 2, 1, 2] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.resize(64, 0);
    descriptor(&mut bytes, &[0, 1, 0, 0], [0, 1, 2, 1, 0], &[]);
    let operands = [([1u8, 1, 0, 0], [0u32, 0, 0, 0]), ([2, 0, 0, 0], [0, 0, 0, 2])];
    descriptor(&mut bytes, &[1, 2, 0, 0], [1, 1, 2, 2, 2], &operands);
    bytes.extend([1u8, 0xfe, 3, 4]);
    bytes.resize(bytes.len() + 28, 0);
    bytes
}

fn descriptor(bytes: &mut Vec<u8>, head: &[u8; 4], numbers: [u32; 5], operands: &[([u8; 4], [u32; 4])]) {
    let end = bytes.len() + 192;
    bytes.extend(head);
    numbers.iter().for_each(|number| bytes.extend(number.to_be_bytes()));
    for (head, numbers) in operands {
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend(head);
        numbers.iter().for_each(|number| bytes.extend(number.to_be_bytes()));
    }
    bytes.resize(end, 0);
}

#[test]
fn program_of_one_product_gives_the_sums() {
    let executor = Executor::new(&program(), Tier::detect()).unwrap();
    let mut outputs = [0; 4];
    assert!(executor.run(&[5, 7, 1, -1], &mut outputs, 1));
    assert_eq!(outputs, [-9, 43, 3, -1]);
    assert_eq!(executor.steps(), ["dense"]);
}

#[test]
fn program_given_an_input_out_of_range_says_so() {
    let executor = Executor::new(&program(), Tier::Plain).unwrap();
    assert!(!executor.run(&[1 << 15, 0], &mut [0; 2], 1));
}

#[test]
fn program_cut_short_anywhere_is_refused() {
    let bytes = program();
    for length in 0..bytes.len() {
        assert!(Program::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn program_with_any_byte_changed_is_refused_or_runs() {
    let bytes = program();
    for place in 0..bytes.len() {
        for value in [0, 1, 2, 3, 127, 128, 255] {
            let mut damaged = bytes.clone();
            damaged[place] = value;
            let Ok(executor) = Executor::new(&damaged, Tier::detect()) else { continue };
            let mut outputs = vec![0; executor.output_elements()];
            let _ = executor.run(&vec![1; executor.input_elements()], &mut outputs, 1);
            executor.trace(&vec![1; executor.input_bytes()]);
        }
    }
}

#[test]
fn program_that_reads_its_own_region_is_refused() {
    let mut bytes = program();
    bytes[64 + 192 + 32 + 7] = 1; // operand A starts at the node's own first word
    assert_eq!(Program::decode(&bytes).unwrap_err().node, Some(1));
}
