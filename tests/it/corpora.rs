//! What fuzzing is begun with and has found, asked again on every run.

use std::fs;
use std::path::Path;

use crate::support::Cluster;

#[path = "../../fuzz/properties.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets have them from outside")]
mod properties;

pub(crate) fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let files = fs::read_dir(folder.join(target)).expect("a corpus");
    let inputs: Vec<_> = files
        .map(|file| fs::read(file.expect("a file").path()).expect("readable"))
        .collect();
    assert!(inputs.len() >= 10, "{target}");
    inputs
}

#[test]
fn what_was_found_by_fuzzing_stays_found() {
    type Property = fn(&[u8]);
    let targets: [(&str, Property); 6] = [
        ("rfc", properties::rfc),
        ("email", properties::email),
        ("phone", properties::phone),
        ("page_token", properties::page_token),
        ("field_mask", properties::field_mask),
        ("search", properties::search),
    ];
    for (target, property) in targets {
        for input in corpus(target) {
            property(&input);
        }
    }
}

/// The escaping itself is PostgreSQL's work.
#[tokio::test]
async fn nothing_that_is_looked_for_is_a_pattern() {
    let cluster = Cluster::get();
    let superuser = cluster.superuser(&cluster.database().await).await;
    let texts = corpus("search")
        .into_iter()
        .filter_map(|input| String::from_utf8(input).ok());
    for text in texts.filter(|text| !text.contains('\0')) {
        let asked = "SELECT search_pattern($1), fold_text($1) LIKE search_pattern($1)";
        let row = superuser.query_one(asked, &[&text]).await.expect(&text);
        let pattern: String = row.get(0);
        assert!(row.get::<_, bool>(1), "{text:?} does not find itself");
        let inner = pattern
            .strip_prefix('%')
            .and_then(|rest| rest.strip_suffix('%'));
        let mut rest = inner.expect("a fragment").chars();
        while let Some(character) = rest.next() {
            match character {
                '\\' => assert!(
                    rest.next().is_some_and(|next| "\\%_".contains(next)),
                    "{pattern}"
                ),
                '%' | '_' => panic!("{text:?} is looked for as {pattern}"),
                _ => {}
            }
        }
    }
}
