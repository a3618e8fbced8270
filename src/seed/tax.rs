//! RFCs of nobody, formed the way SAT forms them.

use super::dice::Dice;
use super::names::{Company, Person, ascii};
use crate::domain::rfc::Rfc;

/// Persona física: surname, its first inner vowel, maternal surname, given name.
pub(super) fn of_person(dice: &mut Dice, person: Person) -> Option<Rfc> {
    let paternal = ascii(person.paternal);
    let vowel = paternal[1..].chars().find(|c| "aeiou".contains(*c));
    let letters: String = paternal
        .chars()
        .take(1)
        .chain(vowel.or(Some('x')))
        .chain(ascii(person.maternal).chars().take(1))
        .chain(ascii(person.given_for_rfc()).chars().take(1))
        .collect();
    let year = dice.between(50, 99);
    let rest = date_and_key(dice, year);
    complete(&letters, &rest)
        // SAT ends a word it will not have with an X.
        .or_else(|| complete(&format!("{}X", &letters[..3]), &rest))
}

/// Persona moral: the initials of three words, or of two and one more letter.
pub(super) fn of_company(dice: &mut Dice, company: Company) -> Option<Rfc> {
    let name = company.name();
    let words: Vec<String> = name
        .split(' ')
        .filter(|word| !["de", "del", "la", "y"].contains(word))
        .map(ascii)
        .collect();
    let initials = words.iter().filter_map(|word| word.chars().next());
    let more = words
        .last()
        .into_iter()
        .flat_map(|word| word.chars().skip(1));
    let letters: String = initials.chain(more).take(3).collect();
    let year = dice.below(25);
    let rest = date_and_key(dice, year);
    complete(&letters, &rest)
}

fn date_and_key(dice: &mut Dice, year: u64) -> String {
    const KEY: &[u8] = b"123456789ABCDEFGHIJKLMNPQRSTUVWXYZ";
    let (month, day) = (dice.between(1, 12), dice.between(1, 28));
    let [first, second] = [dice.pick(KEY), dice.pick(KEY)].map(char::from);
    format!("{year:02}{month:02}{day:02}{first}{second}")
}

/// With the one last character that nothing is odd about. `None` when the
/// letters are.
fn complete(letters: &str, rest: &str) -> Option<Rfc> {
    let body = letters.to_ascii_uppercase() + rest;
    "0123456789A"
        .chars()
        .map(|last| Rfc::from_stored(format!("{body}{last}")))
        .find(|rfc| rfc.advisories().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::dice::Kind;

    #[test]
    fn letters_are_those_of_the_name() {
        let mut dice = Dice::of(Kind::Client, 0);
        let person = |given, paternal, maternal| Person {
            given,
            paternal,
            maternal,
        };
        for (who, letters) in [
            (person("Ana", "García", "Ruiz"), "GARA"),
            (person("José Luis", "Ñáñez", "Peña"), "NAPL"),
            (person("Rosa", "Medina", "Aguilar"), "MEAX"),
        ] {
            let rfc = of_person(&mut dice, who).expect("completed");
            assert_eq!(&rfc.as_str()[..4], letters);
        }
        let company = Company {
            head: "Grupo",
            stem: "Alameda",
        };
        let rfc = of_company(&mut dice, company).expect("completed");
        assert_eq!(&rfc.as_str()[..3], "GAL");
    }
}
