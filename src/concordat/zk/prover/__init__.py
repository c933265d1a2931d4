"""The prover: a plain twin in numpy, and the door to the fast one in Rust."""
