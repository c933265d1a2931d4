//! Keccak-256 (the padding before FIPS 202), one message at a time or many short ones abreast.
//!
//! The permutation is written once, over a [`Lane`]: a `u64`, or a vector of them that carries several messages.

const RATE: usize = 136;
const ROUNDS: [u64; 24] = round_constants();
/// Rotation of lane `x + 5 * y` in the step ρ.
const RHO: [u32; 25] = rotations();

/// What the permutation needs of a lane.
///
/// # Safety
/// Every method may use instructions that the machine must have: see the implementation.
unsafe trait Lane: Copy {
    /// # Safety
    /// The instructions of the implementation are available.
    unsafe fn splat(value: u64) -> Self;
    /// `self ^ other`.
    /// # Safety
    /// As for [`Lane::splat`].
    unsafe fn xor(self, other: Self) -> Self;
    /// `!self & other`.
    /// # Safety
    /// As for [`Lane::splat`].
    unsafe fn not_and(self, other: Self) -> Self;
    /// Rotation to the left.
    /// # Safety
    /// As for [`Lane::splat`].
    unsafe fn rotate(self, bits: u32) -> Self;
}

// SAFETY: needs nothing beyond the base instruction set.
unsafe impl Lane for u64 {
    #[inline(always)]
    unsafe fn splat(value: u64) -> Self {
        value
    }
    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        self ^ other
    }
    #[inline(always)]
    unsafe fn not_and(self, other: Self) -> Self {
        !self & other
    }
    #[inline(always)]
    unsafe fn rotate(self, bits: u32) -> Self {
        self.rotate_left(bits)
    }
}

/// Keccak-f[1600].
///
/// # Safety
/// The instructions of the lane are available.
#[inline(always)]
unsafe fn permute<L: Lane>(state: &mut [L; 25]) {
    // SAFETY: the caller vouches for the lane's instructions.
    unsafe {
        for constant in ROUNDS {
            // θ: the parity of each column goes into its neighbours.
            let mut parity = [L::splat(0); 5];
            for x in 0..5 {
                parity[x] = state[x].xor(state[x + 5]).xor(state[x + 10]);
                parity[x] = parity[x].xor(state[x + 15]).xor(state[x + 20]);
            }
            // ρ and π: rotate, and move (x, y) to (y, 2x + 3y).
            let mut moved = [L::splat(0); 25];
            for x in 0..5 {
                let mix = parity[(x + 4) % 5].xor(parity[(x + 1) % 5].rotate(1));
                for y in 0..5 {
                    moved[y + 5 * ((2 * x + 3 * y) % 5)] = state[x + 5 * y].xor(mix).rotate(RHO[x + 5 * y]);
                }
            }
            // χ: the one non-linear step, row by row.
            for y in 0..5 {
                for x in 0..5 {
                    let row = 5 * y;
                    let other = moved[row + (x + 1) % 5].not_and(moved[row + (x + 2) % 5]);
                    state[row + x] = moved[row + x].xor(other);
                }
            }
            // ι
            state[0] = state[0].xor(L::splat(constant));
        }
    }
}

fn permute_one(state: &mut [u64; 25]) {
    // SAFETY: a `u64` lane needs no particular instructions.
    unsafe { permute(state) }
}

/// Hash of any bytes.
pub fn keccak256(data: &[u8]) -> [u8; 32] {
    let mut state = [0u64; 25];
    let mut blocks = data.chunks_exact(RATE);
    for block in &mut blocks {
        absorb(&mut state, block);
        permute_one(&mut state);
    }
    let rest = blocks.remainder();
    let mut last = [0u8; RATE];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x01;
    last[RATE - 1] |= 0x80;
    absorb(&mut state, &last);
    permute_one(&mut state);
    let mut digest = [0u8; 32];
    for (bytes, lane) in digest.chunks_exact_mut(8).zip(state) {
        bytes.copy_from_slice(&lane.to_le_bytes());
    }
    digest
}

fn absorb(state: &mut [u64; 25], block: &[u8]) {
    for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        *lane ^= lane_of(bytes);
    }
}

#[inline(always)]
fn lane_of(bytes: &[u8]) -> u64 {
    let mut lane = [0u8; 8];
    lane.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(lane)
}

/// Hashes of equally long messages of `SIZE` bytes (a multiple of 8 below 136), laid end to end in `data`;
/// 32 bytes each, appended to `hashes`.
pub fn hash_many<const SIZE: usize>(data: &[u8], hashes: &mut Vec<u8>) {
    const { assert!(SIZE.is_multiple_of(8) && SIZE < RATE) };
    let mut rest = data;
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: AVX-512F has just been found.
            rest = unsafe { wide::hash_eights::<SIZE>(rest, hashes) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: AVX2 has just been found.
            rest = unsafe { wide::hash_fours::<SIZE>(rest, hashes) };
        }
    }
    for message in rest.chunks_exact(SIZE) {
        hashes.extend_from_slice(&keccak256(message));
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    //! Four messages abreast with AVX2, eight with AVX-512.

    use super::{Lane, RATE, lane_of, permute};
    use std::arch::x86_64::*;

    // SAFETY: needs AVX2; reached only from `hash_fours`.
    unsafe impl Lane for __m256i {
        #[inline(always)]
        unsafe fn splat(value: u64) -> Self {
            // SAFETY: the caller vouches for AVX2.
            unsafe { _mm256_set1_epi64x(value as i64) }
        }
        #[inline(always)]
        unsafe fn xor(self, other: Self) -> Self {
            // SAFETY: the caller vouches for AVX2.
            unsafe { _mm256_xor_si256(self, other) }
        }
        #[inline(always)]
        unsafe fn not_and(self, other: Self) -> Self {
            // SAFETY: the caller vouches for AVX2.
            unsafe { _mm256_andnot_si256(self, other) }
        }
        #[inline(always)]
        unsafe fn rotate(self, bits: u32) -> Self {
            // SAFETY: the caller vouches for AVX2; a shift by 64 gives zero.
            unsafe {
                let left = _mm256_sll_epi64(self, _mm_cvtsi32_si128(bits as i32));
                let right = _mm256_srl_epi64(self, _mm_cvtsi32_si128(64 - bits as i32));
                _mm256_or_si256(left, right)
            }
        }
    }

    // SAFETY: needs AVX-512F; reached only from `hash_eights`.
    unsafe impl Lane for __m512i {
        #[inline(always)]
        unsafe fn splat(value: u64) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_set1_epi64(value as i64) }
        }
        #[inline(always)]
        unsafe fn xor(self, other: Self) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_xor_si512(self, other) }
        }
        #[inline(always)]
        unsafe fn not_and(self, other: Self) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_andnot_si512(self, other) }
        }
        #[inline(always)]
        unsafe fn rotate(self, bits: u32) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_rolv_epi64(self, _mm512_set1_epi64(i64::from(bits))) }
        }
    }

    /// Hashes as many whole groups of four as there are; returns what is left of `data`.
    #[target_feature(enable = "avx2")]
    pub fn hash_fours<'a, const SIZE: usize>(data: &'a [u8], hashes: &mut Vec<u8>) -> &'a [u8] {
        // SAFETY: `__m256i` is four `u64` and this function has AVX2.
        unsafe { hash_groups::<__m256i, 4, SIZE>(data, hashes) }
    }

    /// Hashes as many whole groups of eight as there are; returns what is left of `data`.
    #[target_feature(enable = "avx512f")]
    pub fn hash_eights<'a, const SIZE: usize>(data: &'a [u8], hashes: &mut Vec<u8>) -> &'a [u8] {
        // SAFETY: `__m512i` is eight `u64` and this function has AVX-512F.
        unsafe { hash_groups::<__m512i, 8, SIZE>(data, hashes) }
    }

    /// # Safety
    /// `L` has the size of `N` lanes of 64 bits, and its instructions are available.
    #[inline(always)]
    unsafe fn hash_groups<'a, L: Lane, const N: usize, const SIZE: usize>(
        data: &'a [u8],
        hashes: &mut Vec<u8>,
    ) -> &'a [u8] {
        const { assert!(size_of::<L>() == 8 * N) };
        let mut groups = data.chunks_exact(N * SIZE);
        for group in &mut groups {
            let mut lanes = [[0u64; N]; 25];
            for (at, lane) in lanes.iter_mut().take(SIZE / 8).enumerate() {
                for (message, value) in lane.iter_mut().enumerate() {
                    *value = lane_of(&group[message * SIZE + 8 * at..]);
                }
            }
            lanes[SIZE / 8] = [0x01; N];
            lanes[RATE / 8 - 1] = [1 << 63; N];
            // SAFETY: the sizes are equal (asserted above), any bits are a valid vector or array of integers, and the
            // caller vouches for the instructions.
            let lanes: [[u64; N]; 25] = unsafe {
                let mut state: [L; 25] = std::mem::transmute_copy(&lanes);
                permute(&mut state);
                std::mem::transmute_copy(&state)
            };
            for message in 0..N {
                for lane in &lanes[..4] {
                    hashes.extend_from_slice(&lane[message].to_le_bytes());
                }
            }
        }
        groups.remainder()
    }
}

/// The constants of ι, from the linear feedback shift register of FIPS 202 (algorithm 5).
const fn round_constants() -> [u64; 24] {
    let mut constants = [0u64; 24];
    let mut register = 1u8;
    let mut round = 0;
    while round < 24 {
        let mut power = 0;
        while power < 7 {
            if register & 1 == 1 {
                constants[round] |= 1 << ((1u32 << power) - 1);
            }
            register = (register << 1) ^ if register & 0x80 != 0 { 0x71 } else { 0 };
            power += 1;
        }
        round += 1;
    }
    constants
}

/// The rotations of ρ: along the path (x, y) → (y, 2x + 3y) from (1, 0), the t-th is by the t-th triangular number.
const fn rotations() -> [u32; 25] {
    let mut rotations = [0u32; 25];
    let (mut x, mut y, mut t) = (1, 0, 1);
    while t < 25 {
        rotations[x + 5 * y] = (t * (t + 1) / 2) % 64;
        (x, y) = (y, (2 * x + 3 * y) % 5);
        t += 1;
    }
    rotations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn keccak256_of_known_messages_gives_published_digests() {
        assert_eq!(hex(&keccak256(b"")), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
        assert_eq!(hex(&keccak256(b"abc")), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    }

    fn check_many<const SIZE: usize>() {
        for count in 0..20 {
            let data: Vec<u8> = (0..count * SIZE).map(|at| (at * 7 + at / 251) as u8).collect();
            let mut hashes = Vec::new();
            hash_many::<SIZE>(&data, &mut hashes);
            let one_by_one: Vec<u8> = data.chunks_exact(SIZE).flat_map(keccak256).collect();
            assert_eq!(hashes, one_by_one, "{count} messages of {SIZE} bytes");
        }
    }

    #[test]
    fn hash_many_of_any_count_equals_one_by_one() {
        check_many::<32>();
        check_many::<64>();
    }
}
