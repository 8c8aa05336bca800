use super::*;
use proptest::prelude::*;

fn read(typed: &str) -> Filter {
    parse(typed).unwrap_or_else(|mistake| panic!("{typed}: {mistake}"))
}

#[test]
fn a_line_is_read_word_by_word() {
    let filter =
        read(r#"key:images severity>=high -account:1234*,5* overdue source:"prod registry" two words -"not this""#);
    let value = |not, field, relation, values: &[&str]| Word {
        not,
        asks: Asks::Value(field, relation, values.iter().map(|value| (*value).to_owned()).collect()),
    };
    let text = |not, text: &str| Word { not, asks: Asks::Text(text.to_owned()) };
    assert_eq!(
        filter.words,
        [
            value(false, Field::Key, Relation::Is, &["images"]),
            value(false, Field::Severity, Relation::AtLeast, &["high"]),
            value(true, Field::Account, Relation::Is, &["1234*", "5*"]),
            Word { not: false, asks: Asks::Flag(Field::Overdue) },
            value(false, Field::Source, Relation::Is, &["prod registry"]),
            text(false, "two"),
            text(false, "words"),
            text(true, "not this"),
        ]
    );
    assert_eq!(filter.text(), "two words");
}

#[test]
fn identifiers_are_text() {
    for typed in
        ["arn:aws:s3:::ledger", "registry.example.com:5000/shop@sha256:ab", "-", "a\"b", "%_\\'", "host:80/x", "web-1"]
    {
        assert_eq!(read(typed).words, [Word { not: false, asks: Asks::Text(typed.to_owned()) }], "{typed}");
    }
}

#[test]
fn a_mistake_names_the_word_says_what_was_expected_and_what_is_near() {
    let of = |typed: &str| parse(typed).expect_err(typed);
    let huge = of("key:images severty:high");
    assert_eq!((huge.word.as_str(), huge.at.clone()), ("severty", 11..18));
    assert_eq!(huge.instead.as_deref(), Some("key:images severity:high"));
    let value = of("severity:hihg region:x");
    assert_eq!(value.instead.as_deref(), Some("severity:high region:x"));
    assert!(value.says.contains("one of low, medium, high or critical"), "{value}");
    assert!(of("age:30d").says.contains("age>30d"));
    assert!(of("age>soon").says.contains("hours, days or weeks"));
    assert!(of("severity:").says.contains("missing"));
    assert!(of("source:\"prod").says.contains("closing quote"));
    assert!(of("region>eu").says.contains("cannot be compared"));
    assert!(of("overdue:yes").says.contains("stands alone"));
    assert_eq!(of("colour:red").instead, None);
}

#[test]
fn a_choice_is_put_in_and_taken_away_where_it_stands() {
    let filter = read("severity>=high web region:a,b");
    assert_eq!(filter.chosen(Field::Severity), ["high", "critical"]);
    assert_eq!(filter.toggled(Field::Severity, "critical").to_string(), "severity:high web region:a,b");
    assert_eq!(filter.toggled(Field::Region, "a").to_string(), "severity>=high web region:b");
    assert_eq!(filter.toggled(Field::Region, "a").toggled(Field::Region, "b").to_string(), "severity>=high web");
    assert_eq!(
        filter.toggled(Field::Exposure, "internet").to_string(),
        "severity>=high web region:a,b exposure:internet"
    );
    assert_eq!(read("-severity:low").chosen(Field::Severity), ["medium", "high", "critical"]);
    assert_eq!(read("severity>=medium severity<critical").chosen(Field::Severity), ["medium", "high"]);
}

/// Any value that a field could be given.
fn value(field: Field) -> BoxedStrategy<(Relation, Vec<String>)> {
    let compared = prop::sample::select(&[Relation::AtLeast, Relation::AtMost, Relation::Over, Relation::Under][..]);
    let several = |one: BoxedStrategy<String>| {
        prop::collection::vec(one, 1..4)
            .prop_map(|mut values| {
                let mut seen = std::collections::BTreeSet::new();
                values.retain(|value| seen.insert(value.clone()));
                (Relation::Is, values)
            })
            .boxed()
    };
    let few = |values: &'static [&'static str]| prop::sample::select(values).prop_map(str::to_owned).boxed();
    match field.info().shape {
        Shape::Choice(values) => several(few(values)),
        Shape::Ordered(values) => {
            prop_oneof![several(few(values)), (compared, few(values)).prop_map(|(how, value)| (how, vec![value]))]
                .boxed()
        }
        Shape::Length { .. } => (compared, "[1-9][0-9]{0,2}[hdw]").prop_map(|(how, value)| (how, vec![value])).boxed(),
        Shape::Text { .. } | Shape::Flag => several("\\PC{1,8}".boxed()),
    }
}

fn word() -> impl Strategy<Value = Word> {
    let asks = prop_oneof![
        "\\PC{0,12}".prop_map(Asks::Text),
        prop::sample::select(&FIELDS[..]).prop_flat_map(|info| match info.shape {
            Shape::Flag => Just(Asks::Flag(info.field)).boxed(),
            _ => value(info.field).prop_map(move |(how, values)| Asks::Value(info.field, how, values)).boxed(),
        }),
    ];
    (any::<bool>(), asks).prop_map(|(not, asks)| Word { not, asks })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(words in prop::collection::vec(word(), 0..6)) {
        let filter = Filter { words };
        prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn whatever_is_typed_is_read_or_refused_and_reading_it_again_changes_nothing(typed in "\\PC{0,40}") {
        match parse(&typed) {
            Ok(filter) => prop_assert_eq!(parse(&filter.to_string()), Ok(filter)),
            Err(mistake) => prop_assert_eq!(typed.get(mistake.at.clone()), Some(mistake.word.as_str())),
        }
    }

    #[test]
    fn what_looks_like_a_filter_is_read_or_refused(typed in "(-?(severity|age|source|x)(:|>=|<)(high|\"a b\"|3d|,|\\\\|\")* ?){0,4}") {
        if let Ok(filter) = parse(&typed) {
            prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
        }
    }
}
