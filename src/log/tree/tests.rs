//! Tests of the tree: the vectors that the Certificate Transparency implementations share
//! (`tests/golden/log/rfc6962-tree.txt`), and proofs of random trees with every mutation refused.

use super::*;
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use std::num::TryFromIntError;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Leaf hashes in memory.
struct Leaves(Vec<Digest>);

impl Subtrees for Leaves {
    type Error = TryFromIntError;
    fn subtree(&self, level: u8, index: u64) -> Result<Digest, TryFromIntError> {
        let range = usize::try_from(index << level)?..usize::try_from((index + 1) << level)?;
        Ok(root_of(self.0[range].iter().copied()))
    }
}

fn leaves(count: u64) -> Leaves {
    Leaves((0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect())
}

fn flipped(digest: Digest, bit: usize) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Digest::from_bytes(bytes)
}

// LOG-1.
#[test]
fn the_published_vectors_hold() -> Outcome {
    let (mut tree, mut roots, mut seen) = (Leaves(Vec::new()), Vec::new(), [0; 3]);
    for line in include_str!("../../../tests/golden/log/rfc6962-tree.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let hashes = || words[3..].iter().map(|word| word.parse()).collect::<Result<Vec<Digest>, _>>();
        let number = |at: usize| words[at].parse::<u64>();
        match words[0] {
            "leaf" => tree.0.push(leaf_hash(&HEXLOWER.decode(words[1].replace('-', "").as_bytes())?)),
            "root" => {
                let root: Digest = words[2].parse()?;
                assert_eq!(root_at(&tree, number(1)?)?, root, "{line}");
                assert_eq!(root_of(tree.0.iter().copied().take(roots.len())), root, "{line}");
                roots.push(root);
                seen[0] += 1;
            }
            "inclusion" => {
                let (index, size, proof) = (number(1)?, number(2)?, hashes()?);
                assert_eq!(inclusion_proof(&tree, index, size)?, proof, "{line}");
                let (leaf, root) = (tree.0[usize::try_from(index)?], roots[usize::try_from(size)?]);
                verify_inclusion(&leaf, index, size, &proof, &root)?;
                seen[1] += 1;
            }
            _ => {
                let (old, new, proof) = (number(1)?, number(2)?, hashes()?);
                assert_eq!(consistency_proof(&tree, old, new)?, proof, "{line}");
                let (old_root, new_root) = (roots[usize::try_from(old)?], roots[usize::try_from(new)?]);
                verify_consistency(old, &old_root, new, &new_root, &proof)?;
                seen[2] += 1;
            }
        }
    }
    assert_eq!(seen, [9, 5, 4]);
    Ok(())
}

#[test]
fn every_proof_of_every_small_tree_verifies() -> Outcome {
    let tree = leaves(40);
    for size in 0..=40_u64 {
        let root = root_at(&tree, size)?;
        for index in 0..size {
            let proof = inclusion_proof(&tree, index, size)?;
            verify_inclusion(&leaf_hash(&index.to_be_bytes()), index, size, &proof, &root)?;
        }
        for old in 0..=size {
            let proof = consistency_proof(&tree, old, size)?;
            verify_consistency(old, &root_at(&tree, old)?, size, &root, &proof)?;
        }
    }
    Ok(())
}

// LOG-2.
#[test]
fn impossible_sizes_and_indexes_are_refused_not_computed() {
    let zero = Digest::ZERO;
    assert_eq!(
        verify_inclusion(&zero, 0, 0, &[], &empty_root()),
        Err(ProofError::Index { index: 0, size: 0 })
    );
    assert_eq!(
        verify_inclusion(&zero, 0, u64::MAX, &[zero; 64], &zero),
        Err(ProofError::Size { size: u64::MAX })
    );
    assert_eq!(verify_consistency(2, &zero, 1, &zero, &[]), Err(ProofError::Shrunk { old: 2, new: 1 }));
    assert!(verify_consistency(1, &zero, u64::MAX, &zero, &[zero; 64]).is_err());
    assert!(verify_consistency(0, &zero, 5, &zero, &[]).is_err(), "the empty tree has one root");
    assert_eq!(verify_consistency(0, &empty_root(), 5, &zero, &[]), Ok(()));
    for proof_length in 0..=PROOF_HASHES_MAX + 1 {
        let proof = vec![zero; proof_length];
        let longest = verify_consistency(TREE_SIZE_MAX - 1, &zero, TREE_SIZE_MAX, &zero, &proof);
        let right_length = !matches!(longest, Err(ProofError::Length { .. }));
        assert_eq!(right_length, proof_length == PROOF_HASHES_MAX, "{longest:?}");
    }
}

#[test]
fn a_stored_frontier_with_a_wrong_number_of_roots_is_not_read() -> Outcome {
    let mut frontier = Frontier::new();
    for leaf in leaves(7).0 {
        frontier.push(leaf);
    }
    let stored = serde_json::to_string(&frontier)?;
    assert_eq!(serde_json::from_str::<Frontier>(&stored)?, frontier);
    assert!(serde_json::from_str::<Frontier>(&stored.replace(":7", ":8")).is_err());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // LOG-2.
    #[test]
    fn an_inclusion_proof_verifies_and_no_mutation_of_it(size in 1_u64..700, at in 0_u64.., bit in 0_usize..256) {
        let (tree, index) = (leaves(size), at % size);
        let root = root_at(&tree, size)?;
        let leaf = leaf_hash(&index.to_be_bytes());
        let proof = inclusion_proof(&tree, index, size)?;
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));

        prop_assert!(verify_inclusion(&flipped(leaf, bit), index, size, &proof, &root).is_err());
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &flipped(root, bit)).is_err());
        for other in (0..=size).filter(|other| *other != index) {
            prop_assert!(verify_inclusion(&leaf, other, size, &proof, &root).is_err(), "index {}", other);
        }
        for place in 0..proof.len() {
            let mut changed = proof.clone();
            changed[place] = flipped(changed[place], bit);
            prop_assert!(verify_inclusion(&leaf, index, size, &changed, &root).is_err());
            changed.clone_from(&proof);
            changed.remove(place);
            prop_assert!(verify_inclusion(&leaf, index, size, &changed, &root).is_err());
            changed.clone_from(&proof);
            changed.insert(place, root);
            prop_assert!(verify_inclusion(&leaf, index, size, &changed, &root).is_err());
        }
    }

    // LOG-2.
    #[test]
    fn a_consistency_proof_verifies_and_no_mutation_of_it(new in 1_u64..700, at in 0_u64.., bit in 0_usize..256) {
        let (tree, old) = (leaves(new), at % (new + 1));
        let (old_root, new_root) = (root_at(&tree, old)?, root_at(&tree, new)?);
        let proof = consistency_proof(&tree, old, new)?;
        prop_assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()));

        prop_assert!(verify_consistency(old, &flipped(old_root, bit), new, &new_root, &proof).is_err());
        if old > 0 {
            prop_assert!(verify_consistency(old, &old_root, new, &flipped(new_root, bit), &proof).is_err());
        }
        for place in 0..proof.len() {
            let mut changed = proof.clone();
            changed[place] = flipped(changed[place], bit);
            prop_assert!(verify_consistency(old, &old_root, new, &new_root, &changed).is_err());
            changed.clone_from(&proof);
            changed.remove(place);
            prop_assert!(verify_consistency(old, &old_root, new, &new_root, &changed).is_err());
        }
        let mut longer = proof.clone();
        longer.push(new_root);
        prop_assert!(verify_consistency(old, &old_root, new, &new_root, &longer).is_err());
    }
}
