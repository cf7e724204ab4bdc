//! How much of what each test printed has room in a file of bounded size.

/// What the sentence takes at the most that stands where something is left out, in bytes.
const NOTE: usize = 48;

/// How many bytes of each output fit into so much room, if all that are longer are cut to the same:
/// a flood by one test costs the words of no other.
#[must_use]
pub fn share(lengths: &[usize], room: usize) -> usize {
    let taken = |most: usize| -> usize {
        let each = lengths.iter().map(|length| match *length > most {
            true => most + NOTE,
            false => *length,
        });
        each.sum()
    };
    let longest = lengths.iter().copied().max().unwrap_or_default();
    if taken(longest) <= room {
        return longest;
    }
    let (mut fits, mut too_much) = (0, longest);
    while too_much - fits > 1 {
        let middle = fits + (too_much - fits) / 2;
        match taken(middle) <= room {
            true => fits = middle,
            false => too_much = middle,
        }
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::bounded;

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
