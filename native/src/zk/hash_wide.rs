//! SHA-256 (FIPS 180-4) of sixteen messages in registers of AVX-512.

use std::arch::x86_64::*;
use std::mem::transmute;

use super::hash::{Digests, SIDE};

const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
#[rustfmt::skip]
const ROUND: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// Whether the machine has AVX-512 F.
#[inline]
pub fn present() -> bool {
    is_x86_feature_detected!("avx512f")
}

/// Messages of one block that differ in the number at `at`.
pub fn counted(message: &[u8], at: usize, first: u32) -> Digests {
    assert!(present() && message.len() < 56 && at + 4 <= message.len());
    // SAFETY: the instructions are there.
    unsafe { counted_wide(message, at, first) }
}

/// Sixteen leaves; see [`super::hash::leaves`].
pub fn leaves(rows: &[&[u64]], from: usize, salts: &[[u32; SIDE]; 4]) -> Digests {
    assert!(present() && rows.iter().all(|row| row.len() >= from + SIDE));
    // SAFETY: the instructions are there, and every row goes on for sixteen elements.
    unsafe { leaves_wide(rows, from, salts) }
}

/// Sixteen nodes; see [`super::hash::nodes`].
pub fn nodes(children: &[&[u32]; 8], from: usize) -> Digests {
    assert!(present() && children.iter().all(|words| words.len() >= from + 2 * SIDE));
    // SAFETY: the instructions are there, and so are 32 words of each.
    unsafe { nodes_wide(children, from) }
}

#[target_feature(enable = "avx512f")]
fn start() -> [__m512i; 8] {
    let mut state = [_mm512_setzero_si512(); 8];
    for i in 0..8 {
        state[i] = _mm512_set1_epi32(START[i] as i32);
    }
    state
}

#[target_feature(enable = "avx512f")]
fn compress(state: &mut [__m512i; 8], mut w: [__m512i; 16]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    macro_rules! xor3 {
        ($x:expr, $y:expr, $z:expr) => {
            _mm512_ternarylogic_epi32::<0x96>($x, $y, $z)
        };
    }
    for t in 0..64 {
        let i = t % 16;
        if t >= 16 {
            let (x, y) = (w[(t + 1) % 16], w[(t + 14) % 16]);
            let s0 = xor3!(_mm512_ror_epi32::<7>(x), _mm512_ror_epi32::<18>(x), _mm512_srli_epi32::<3>(x));
            let s1 = xor3!(_mm512_ror_epi32::<17>(y), _mm512_ror_epi32::<19>(y), _mm512_srli_epi32::<10>(y));
            w[i] = _mm512_add_epi32(_mm512_add_epi32(w[i], s0), _mm512_add_epi32(w[(t + 9) % 16], s1));
        }
        let s1 = xor3!(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e));
        let choice = _mm512_ternarylogic_epi32::<0xCA>(e, f, g);
        let given = _mm512_add_epi32(w[i], _mm512_set1_epi32(ROUND[t] as i32));
        let t1 = _mm512_add_epi32(_mm512_add_epi32(h, given), _mm512_add_epi32(s1, choice));
        let s0 = xor3!(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a));
        let majority = _mm512_ternarylogic_epi32::<0xE8>(a, b, c);
        (h, g, f, e) = (g, f, e, _mm512_add_epi32(d, t1));
        (d, c, b, a) = (c, b, a, _mm512_add_epi32(t1, _mm512_add_epi32(s0, majority)));
    }
    for (sum, word) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *sum = _mm512_add_epi32(*sum, word);
    }
}

#[inline]
fn words(state: [__m512i; 8]) -> Digests {
    // SAFETY: both are eight times sixteen words.
    unsafe { transmute(state) }
}

#[target_feature(enable = "avx512f")]
fn counted_wide(message: &[u8], at: usize, first: u32) -> Digests {
    let mut block = [0u8; 64];
    block[..message.len()].copy_from_slice(message);
    block[message.len()] = 0x80;
    block[56..].copy_from_slice(&(8 * message.len() as u64).to_be_bytes());
    let mut w = [_mm512_setzero_si512(); 16];
    for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
        *word = _mm512_set1_epi32(i32::from_be_bytes(bytes.try_into().expect("four bytes")));
    }
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let numbers = _mm512_add_epi32(_mm512_set1_epi32(first as i32), lanes);
    let shift = 8 * (at % 4) as u32;
    let high = _mm512_srl_epi32(numbers, _mm_cvtsi32_si128(shift as i32));
    w[at / 4] = _mm512_or_si512(w[at / 4], high);
    if shift > 0 {
        let low = _mm512_sll_epi32(numbers, _mm_cvtsi32_si128(32 - shift as i32));
        w[at / 4 + 1] = _mm512_or_si512(w[at / 4 + 1], low);
    }
    let mut state = start();
    compress(&mut state, w);
    words(state)
}

/// # Safety
/// Every row has sixteen elements from `from` on.
#[target_feature(enable = "avx512f")]
unsafe fn leaves_wide(rows: &[&[u64]], from: usize, salts: &[[u32; SIDE]; 4]) -> Digests {
    let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    let odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
    let bytes = 17 + 8 * rows.len();
    let blocks = (bytes + 9).div_ceil(64);
    let content = 4 + 2 * rows.len();
    let mut state = start();
    let (mut before, mut low) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    let mut w = [_mm512_setzero_si512(); 16];
    for k in 0..16 * blocks {
        // the message is a zero byte and then these words
        let next = if k < 4 {
            // SAFETY: sixteen words.
            unsafe { _mm512_loadu_si512(salts[k].as_ptr().cast()) }
        } else if k < content {
            if k % 2 == 0 {
                let at = rows[(k - 4) / 2][from..].as_ptr();
                // SAFETY: sixteen elements, as the caller vouches.
                let (x, y) = unsafe { (_mm512_loadu_si512(at.cast()), _mm512_loadu_si512(at.add(8).cast())) };
                low = _mm512_permutex2var_epi32(x, even, y);
                _mm512_permutex2var_epi32(x, odd, y)
            } else {
                low
            }
        } else if k == content {
            _mm512_set1_epi32(i32::MIN)
        } else {
            _mm512_setzero_si512()
        };
        w[k % 16] = _mm512_or_si512(_mm512_slli_epi32::<24>(before), _mm512_srli_epi32::<8>(next));
        before = next;
        if k % 16 == 15 {
            if k == 16 * blocks - 1 {
                w[15] = _mm512_set1_epi32(8 * bytes as i32);
            }
            compress(&mut state, w);
        }
    }
    words(state)
}

/// # Safety
/// There are 32 words of each kind from `from` on.
#[target_feature(enable = "avx512f")]
unsafe fn nodes_wide(children: &[&[u32]; 8], from: usize) -> Digests {
    let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    let odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
    let (mut left, mut right) = ([_mm512_setzero_si512(); 7], [_mm512_setzero_si512(); 7]);
    for i in 0..7 {
        let at = children[i][from..].as_ptr();
        // SAFETY: 32 words, as the caller vouches.
        let (x, y) = unsafe { (_mm512_loadu_si512(at.cast()), _mm512_loadu_si512(at.add(16).cast())) };
        left[i] = _mm512_permutex2var_epi32(x, even, y);
        right[i] = _mm512_permutex2var_epi32(x, odd, y);
    }
    // a one, 27 bytes, 27 bytes, 0x80 and the length
    let mut w = [_mm512_setzero_si512(); 16];
    w[0] = _mm512_or_si512(_mm512_set1_epi32(1 << 24), _mm512_srli_epi32::<8>(left[0]));
    for i in 1..7 {
        w[i] = _mm512_or_si512(_mm512_slli_epi32::<24>(left[i - 1]), _mm512_srli_epi32::<8>(left[i]));
    }
    w[7..13].copy_from_slice(&right[..6]);
    w[13] =
        _mm512_or_si512(_mm512_and_si512(right[6], _mm512_set1_epi32(0xFFFF_FF00_u32 as i32)), _mm512_set1_epi32(0x80));
    w[15] = _mm512_set1_epi32(8 * 55);
    let mut state = start();
    compress(&mut state, w);
    words(state)
}
