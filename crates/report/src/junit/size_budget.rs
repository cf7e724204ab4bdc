//! What fits in a file of limited size.

use pinmatrix_core::text;

/// How much of a run to write.
#[derive(Clone, Copy, Debug)]
pub struct SizeBudget {
    /// The maximum size of each output, in bytes.
    pub most: usize,
    /// The maximum length of each message, in characters.
    pub message: usize,
    /// Whether to include cases that passed.
    pub has_passed: bool,
}

impl SizeBudget {
    /// Everything.
    pub const WHOLE: Self = Self {
        most: text::CASE_OUTPUT,
        message: 500,
        has_passed: true,
    };

    /// Without test output, and with less and less of the rest. The last one fits a hundred
    /// thousand failures.
    pub const BARE: [Self; 3] = [
        Self {
            most: 0,
            ..Self::WHOLE
        },
        Self {
            most: 0,
            has_passed: false,
            ..Self::WHOLE
        },
        Self {
            most: 0,
            message: 60,
            has_passed: false,
        },
    ];
}

/// The maximum size of the note in place of removed text, in bytes.
const NOTE: usize = 48;

/// The maximum bytes per output such that all outputs fit into `room`. All longer outputs are cut
/// to the same length, so that one flooding test does not shorten the others.
#[must_use]
pub fn share(lengths: &[usize], room: usize) -> usize {
    let taken = |most: usize| -> usize {
        let each = lengths
            .iter()
            .map(|length| if *length > most { most + NOTE } else { *length });
        each.sum()
    };
    let longest = lengths.iter().copied().max().unwrap_or_default();
    if taken(longest) <= room {
        return longest;
    }
    let (mut fits, mut too_much) = (0, longest);
    while too_much - fits > 1 {
        let middle = fits + (too_much - fits) / 2;
        if taken(middle) <= room {
            fits = middle
        } else {
            too_much = middle
        }
    }
    fits
}

#[cfg(test)]
mod tests {
    use pinmatrix_core::text::bounded;

    use super::*;

    #[test]
    fn what_fits_is_whole_and_else_the_longest_are_cut_to_the_same() {
        assert_eq!(share(&[10, 20, 300], 330), 300);
        assert_eq!(share(&[10, 20, 300], 329), 251);
        assert_eq!(share(&[300, 300, 10], 400), 147);
        assert_eq!(share(&[300, 300], 10), 0);
        assert_eq!(share(&[], 0), 0);
    }

    proptest::proptest! {
        #[test]
        fn what_is_cut_to_its_share_fits(
            lengths in proptest::collection::vec(0usize..2000, 0..20),
            room in 1000usize..9000,
        ) {
            let most = share(&lengths, room);
            let cut = lengths.iter().map(|length| bounded(&"x".repeat(*length), most).len());
            proptest::prop_assert!(cut.sum::<usize>() <= room);
        }
    }
}
