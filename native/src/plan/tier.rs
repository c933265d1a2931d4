//! Which instructions the machine has.

/// The instructions to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Whatever every machine has.
    Plain,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ, VL and VNNI.
    Avx512,
}

impl Tier {
    /// The best that this machine has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            if wide {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Plain
    }

    /// The best that this machine has and that has the name, or a lesser one; `None` for an unknown name.
    pub fn up_to(name: &str) -> Option<Self> {
        let wanted = match name {
            "plain" => Self::Plain,
            "avx2" => Self::Avx2,
            "avx512" => Self::Avx512,
            _ => return None,
        };
        Some(wanted.min(Self::detect()))
    }

    /// Runs code that the compiler may turn into this tier's instructions.
    #[inline(always)]
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        match self {
            // SAFETY: a tier is only ever made by `detect`, or is lower than one that was.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { with_avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { with_avx2(work) },
            _ => work(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}
