//! Whatever is entered, and whatever the values are, rendering ends in a text or in words.

use proptest::prelude::*;

use super::*;

fn known() -> Vec<Field> {
    [("t", Kind::Text), ("n", Kind::Number), ("S.d", Kind::Date), ("S.m", Kind::Moment), ("S.b", Kind::Boolean)]
        .map(|(reference, kind)| Field { reference: reference.into(), kind, default: Value::Null })
        .into()
}

/// Pieces that make texts which are nearly right, so that more than the first check is met.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{%-",
        "-%}",
        " if ",
        " elif ",
        " else ",
        " endif ",
        " t ",
        " n ",
        " S.d ",
        " S.m ",
        " S.b ",
        "|",
        "upper",
        "number",
        "(2)",
        "date",
        "('%d')",
        "default",
        "('x')",
        "round",
        ">",
        "==",
        "and",
        "or",
        "not",
        "in",
        "[",
        "]",
        ",",
        "(",
        ")",
        "1",
        "-",
        "*",
        "'",
        "\"",
        "x",
        "\n",
        ".",
        "~",
        " for ",
        "is",
        "none",
        "é",
        "\\",
        "1e400",
        "99999999999999999999",
        "9223372036854775807",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|all| all.concat())
}

/// Texts that are right: tags out of these, in any order.
fn right() -> impl Strategy<Value = String> {
    let tag = prop::sample::select(vec![
        "{{ t }}",
        "{{ t | title }}",
        "{{ t | default('x') }}",
        "{{ n }}",
        "{{ n | number(2) }}",
        "{{ n * 9223372036854775807 }}",
        "{{ n / n }}",
        "{{ -n }}",
        "{{ S.d | date('%A %-d %B %Y') }}",
        "{{ S.m | date('%I:%M:%S %p %j') }}",
        "{{ S.b }}",
        "{% if n > 3 %}a{% endif %}",
        "{% if t in ['a', t] %}{{ t | upper }}{% else %}b{% endif %}",
        "{% if S.d <= S.m %}c{% elif S.b %}d{% endif %}",
        " plain & <b>text</b>\n",
    ]);
    prop::collection::vec(tag, 0..20).prop_map(|all| all.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let moment = (1i16..=9999, 1i8..=12, 1i8..=28, 0i8..24).prop_map(|(y, m, d, h)| jiff::civil::date(y, m, d).at(h, 5, 9, 0));
    prop_oneof![
        Just(Value::Null),
        any::<String>().prop_map(Value::Text),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Float),
        moment.clone().prop_map(Value::Moment),
        moment.prop_map(|at| Value::Date(at.date())),
        any::<bool>().prop_map(Value::Boolean),
    ]
}

proptest! {
    #[test]
    fn any_text_is_read_or_has_a_fault(text in prop_oneof![any::<String>(), pieces()]) {
        match Template::new(&text, &known()) {
            Ok(template) => {
                let out = template.render(&[], Medium::Html);
                prop_assert!(out.is_ok_and(|o| o.len() <= MAX_OUTPUT));
            }
            Err(faults) => {
                let lines = text.matches('\n').count() + 1;
                prop_assert!(!faults.is_empty() && faults.len() <= MAX_FAULTS);
                prop_assert!(faults.iter().all(|f| (1..=lines).contains(&f.line) && !f.what.is_empty() && !f.advice.is_empty()), "{faults:?}");
            }
        }
    }

    #[test]
    fn any_values_give_a_text(text in right(), values in prop::collection::vec(value(), 0..6)) {
        let template = Template::new(&text, &known()).unwrap();
        for medium in [Medium::Html, Medium::Text, Medium::Line] {
            let out = template.render(&values, medium);
            prop_assert!(out.is_ok());
        }
    }

    #[test]
    fn a_value_adds_no_markup(value in ".{0,60}", text in prop::sample::select(vec!["{{ t }}", "<a title='{{ t }}'>", "{{ t | upper }}", "{{ t | default(\"<\") }}"])) {
        let template = Template::new(text, &known()).unwrap();
        let signs = |s: &str| s.chars().filter(|c| matches!(c, '<' | '>' | '"' | '\'')).count();
        let own = text.replace("{{ t | default(\"<\") }}", "");
        let out = template.render(&[Value::Text(value)], Medium::Html).unwrap();
        prop_assert_eq!(signs(&out), signs(&own));
    }

    #[test]
    fn a_line_stays_one(value in any::<String>()) {
        let out = Template::new("{{ t }}", &known()).unwrap().render(&[Value::Text(value)], Medium::Line).unwrap();
        prop_assert!(!out.contains(|c: char| c.is_control()));
    }

    #[test]
    fn a_text_without_tags_is_unchanged(text in any::<String>()) {
        prop_assume!(!["{{", "{%", "{#"].iter().any(|tag| text.contains(tag)));
        let out = Template::new(&text, &known()).unwrap().render(&[], Medium::Html).unwrap();
        prop_assert_eq!(out, text);
    }
}
