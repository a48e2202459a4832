use super::*;

fn field(reference: &str, kind: Kind, default: &str) -> Field {
    Field { reference: reference.into(), kind, default: Value::read(default, kind).unwrap() }
}

fn known() -> Vec<Field> {
    vec![
        field("first_name", Kind::Text, ""),
        field("LOYALTY.tier", Kind::Text, "Bronze"),
        field("LOYALTY.points", Kind::Number, ""),
        field("LOYALTY.average_basket", Kind::Number, ""),
        field("LOYALTY.tier_since", Kind::Date, ""),
        field("LOYALTY.last_purchase", Kind::Moment, ""),
        field("LOYALTY.wants_text_messages", Kind::Boolean, ""),
    ]
}

/// Renders with values by reference, written as their kinds are read.
fn with(text: &str, values: &[(&str, &str)], medium: Medium) -> String {
    let template = Template::new(text, &known()).unwrap();
    let kind = |reference: &str| known().into_iter().find(|f| f.reference == reference).unwrap().kind;
    let row: Vec<Value> = template
        .references()
        .map(|r| values.iter().find(|(name, _)| *name == r).map_or(Value::Null, |(_, text)| Value::read(text, kind(r)).unwrap()))
        .collect();
    template.render(&row, medium).unwrap()
}

fn text(template: &str, values: &[(&str, &str)]) -> String {
    with(template, values, Medium::Text)
}

fn fault(template: &str) -> (usize, String, String) {
    let faults = check(template, &known());
    assert_eq!(faults.len(), 1, "{template}: {faults:?}");
    (faults[0].line, faults[0].what.clone(), faults[0].advice.clone())
}

#[test]
fn a_person_reads_their_values() {
    let template = "You are {{ LOYALTY.tier }} with {{ LOYALTY.points | number }} points, {{ first_name|title }}.\n";
    let values = [("LOYALTY.tier", "Gold"), ("LOYALTY.points", "1234567"), ("first_name", "anna-maria")];
    assert_eq!(text(template, &values), "You are Gold with 1,234,567 points, Anna-Maria.\n");
}

#[test]
fn an_empty_value_has_the_default_of_the_text_or_else_of_the_field() {
    assert_eq!(text("{{ LOYALTY.tier }}", &[]), "Bronze");
    assert_eq!(text("{{ LOYALTY.tier | default('none yet') }}", &[]), "none yet", "what the text says goes first");
    assert_eq!(text("{{ LOYALTY.tier | upper | default('none yet') }}", &[]), "none yet");
    assert_eq!(text("{{ LOYALTY.tier | default('none yet') | upper }}", &[("LOYALTY.tier", "Gold")]), "GOLD");
    assert_eq!(text("{{ first_name | default(LOYALTY.tier) }}", &[]), "Bronze");
    assert_eq!(text("[{{ first_name }}]", &[]), "[]");
    assert_eq!(text("{{ LOYALTY.points | number | default('no') }} points", &[]), "no points");
    assert_eq!(text("{% if LOYALTY.tier == 'Bronze' %}b{% endif %}", &[]), "b");
}

#[test]
fn numbers_compare_as_numbers_and_dates_as_dates() {
    let points = |n: &str| {
        text("{% if LOYALTY.points > 1000 %}many{% elif LOYALTY.points > 5 %}some{% else %}few{% endif %}", &[("LOYALTY.points", n)])
    };
    assert_eq!((points("1001"), points("1000"), points("9"), points("")), ("many".into(), "some".into(), "some".into(), "few".into()));
    let since = |day: &str| text("{% if LOYALTY.tier_since < '2026-03-01' %}before{% endif %}", &[("LOYALTY.tier_since", day)]);
    assert_eq!((since("2026-02-28"), since("2026-03-01"), since("")), ("before".into(), String::new(), String::new()));
    let bought = |at: &str| {
        text(
            "{% if LOYALTY.last_purchase >= LOYALTY.tier_since %}y{% endif %}",
            &[("LOYALTY.last_purchase", at), ("LOYALTY.tier_since", "2026-02-28")],
        )
    };
    assert_eq!((bought("2026-02-28 00:00:01"), bought("2026-02-27T23:59:59")), ("y".into(), String::new()));
    assert_eq!(text("{{ 1000 - LOYALTY.points }} to go", &[("LOYALTY.points", "400")]), "600 to go");
    assert_eq!(text("{{ LOYALTY.points / 0 }}{{ LOYALTY.points * 2 - 1 }}", &[("LOYALTY.points", "400")]), "799");
    assert_eq!(text("{{ 1000 - LOYALTY.points }}", &[]), "", "what cannot be calculated is empty");
}

#[test]
fn what_is_empty_is_neither_less_nor_greater_and_no_condition() {
    for condition in [
        "LOYALTY.points < 5",
        "LOYALTY.points >= 0",
        "LOYALTY.points == 0",
        "first_name",
        "LOYALTY.wants_text_messages",
        "first_name == 'x'",
    ] {
        assert_eq!(text(&format!("{{% if {condition} %}}y{{% else %}}n{{% endif %}}"), &[]), "n", "{condition}");
    }
    for condition in ["not first_name", "LOYALTY.points == none", "LOYALTY.points != 5", "first_name != 'x' and not LOYALTY.points"] {
        assert_eq!(text(&format!("{{% if {condition} %}}y{{% else %}}n{{% endif %}}"), &[]), "y", "{condition}");
    }
    let tier = |tier: &str| text("{% if LOYALTY.tier in ['Gold', 'Silver'] or first_name %}y{% endif %}", &[("LOYALTY.tier", tier)]);
    assert_eq!((tier("Gold"), tier("gold")), ("y".into(), String::new()));
    assert_eq!(text("{% if LOYALTY.tier not in ['Gold'] %}y{% endif %}", &[("LOYALTY.tier", "Gold")]), "");
}

#[test]
fn numbers_and_dates_look_as_the_text_says() {
    let number = |filter: &str, n: &str| text(&format!("{{{{ LOYALTY.average_basket {filter} }}}}"), &[("LOYALTY.average_basket", n)]);
    assert_eq!(number("", "1234.5"), "1234.5");
    assert_eq!(number("| number", "-1234.5"), "-1,234.5");
    assert_eq!(number("| number(2, '.', ',')", "1234567.5"), "1.234.567,50");
    assert_eq!(number("| number(2)", "12"), "12.00");
    assert_eq!(number("| round", "12.6"), "13");
    let date =
        |filter: &str| text(&format!("{{{{ LOYALTY.last_purchase {filter} }}}}"), &[("LOYALTY.last_purchase", "2026-03-01 14:05:09")]);
    assert_eq!(date(""), "2026-03-01 14:05");
    assert_eq!(text("{{ LOYALTY.last_purchase }}", &[("LOYALTY.last_purchase", "2026-03-01 00:00:00")]), "2026-03-01");
    assert_eq!(date("| date"), "2026-03-01");
    assert_eq!(date("| date('%-d %B %Y, %H:%M')"), "1 March 2026, 14:05");
    assert_eq!(text("{{ LOYALTY.wants_text_messages }}", &[("LOYALTY.wants_text_messages", "true")]), "yes");
}

#[test]
fn values_cannot_become_markup_or_headers() {
    let evil = [("first_name", "<script>\"a\" & 'b'\r\nBcc: x@home.example")];
    let html = with("<b title=\"{{ first_name }}\">{{ first_name }}</b>", &evil, Medium::Html);
    assert_eq!(html.matches('<').count(), 2);
    assert!(html.contains("&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;"), "{html}");
    assert!(text("{{ first_name }}", &evil).contains("<script>\"a\" & 'b'"));
    let line = with("Hello\n{{ first_name }}", &evil, Medium::Line);
    assert!(!line.contains(['\r', '\n']), "{line:?}");
}

#[test]
fn a_value_is_never_read_as_a_text_with_fields() {
    assert_eq!(text("{{ first_name }}", &[("first_name", "{{ LOYALTY.points }}{% if")]), "{{ LOYALTY.points }}{% if");
}

#[test]
fn faults_say_the_line_what_is_wrong_and_what_to_do() {
    let (line, what, advice) = fault("Hello\n\n{{ LOYALTY.point }}");
    assert_eq!((line, what.as_str(), advice.as_str()), (3, "There is no field “LOYALTY.point”.", "Did you mean LOYALTY.points?"));
    for (template, said, advised) in [
        ("{{ points }}", "no field “points”", "LOYALTY.points"),
        ("{{ loyalty.TIER }}", "no field", "Did you mean LOYALTY.tier?"),
        ("{{ zzzzzzzz }}", "no field", "Choose one of the fields"),
        ("{{ first_name | uper }}", "no filter “uper”", "Did you mean upper?"),
        ("{{ first_name", "never closed", "}}"),
        ("{{ }}", "nothing between", "{{ first_name }}"),
        ("{{ first name }}", "more than a field", "no spaces"),
        ("{{ 'x }}", "does not end", "quote"),
        ("{# x", "comment", "#}"),
        ("{% if first_name %}", "never closed", "endif"),
        ("{% endif %}", "closes no condition", "if"),
        ("{% else %}", "in no condition", "if"),
        ("{% for x in first_name %}", "no {% for %}", "conditions"),
        ("{% include 'x' %}", "no {% include %}", "conditions"),
        ("{% set x = 1 %}", "no {% set %}", "conditions"),
        ("{% if LOYALTY.points > '1000' %}{% endif %}", "A number cannot be compared with a text", "without quotes"),
        ("{% if LOYALTY.tier_since > 'soon' %}{% endif %}", "A date cannot be compared with a text", "2026-03-31"),
        ("{{ first_name | number }}", "for numbers, and this is a text", "another field"),
        ("{{ LOYALTY.points | date }}", "for dates, and this is a number", "another field"),
        ("{{ LOYALTY.tier_since | date('%H') }}", "a date without one", "Take it out"),
        ("{{ LOYALTY.tier_since | date('%Z') }}", "%Z is not known", "%d day"),
        ("{{ LOYALTY.points | number(99) }}", "digits behind the point", "0 to 10"),
        ("{{ first_name - 1 }}", "Only numbers can be calculated", "a number"),
        ("{{ first_name.upper() }}", "called with brackets", "filters"),
        ("{{ first_name['x'] }}", "Square brackets", "LOYALTY.points"),
        ("{{ 1 < LOYALTY.points < 5 }}", "Several values", "and"),
        ("{{ 'a' ~ 'b' }}", "sign is not known", "one after the other"),
        ("{{ first_name.a.b }}", "no field", "dot between"),
        ("{{ LOYALTY }}", "no field “LOYALTY”", "Choose"),
    ] {
        let (line, what, advice) = fault(template);
        assert!(line == 1 && what.contains(said) && advice.contains(advised), "{template}: {what} / {advice}");
    }
    let many = check("{{ a1 }}\n{{ LOYALTY.teir }}\n{{ b1 }}", &known());
    assert_eq!(many.iter().map(|f| f.line).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn limits_end_what_would_not() {
    assert!(check(&"x".repeat(MAX_TEMPLATE + 1), &known())[0].what.contains("at most 256"));
    let signs = format!("{{{{ 1{} }}}}", "+1".repeat(1000));
    assert!(fault(&signs).1.contains("more than 100 parts"));
    let minus = format!("{{{{ {}1 }}}}", "- ".repeat(100_000));
    assert!(fault(&minus).1.contains("more than 100 parts"));
    let elifs = format!("{{% if first_name %}}{}{{% endif %}}", "{% elif first_name %}".repeat(5_000));
    assert!(fault(&elifs).1.contains("More than 50"));
    let ifs = "{% if first_name %}".repeat(10_000);
    assert!(fault(&ifs).1.contains("More than 50"));
    let brackets = format!("{{{{ {}1{} }}}}", "(".repeat(40_000), ")".repeat(40_000));
    assert!(fault(&brackets).1.contains("more than 100 parts"));
    assert!(check(&"{{ x }}".repeat(10_000), &known()).len() <= MAX_FAULTS);
}

#[test]
fn a_text_ends_before_it_is_too_long_or_too_much_work() {
    let long = Value::Text("<".repeat(90_000));
    let shown = Template::new(&"{{ first_name }}".repeat(3), &known()).unwrap();
    assert_eq!(shown.render(std::slice::from_ref(&long), Medium::Html), Err(Stopped::TooLong));
    assert_eq!(shown.render(std::slice::from_ref(&long), Medium::Text).unwrap().len(), 270_000);
    let asked = Template::new(&"{% if first_name | upper == 'x' %}y{% endif %}".repeat(5_000), &known()).unwrap();
    assert_eq!(asked.render(&[long], Medium::Text), Err(Stopped::TooMuchWork));
}

#[test]
fn a_value_of_another_kind_is_empty() {
    let template = Template::new("[{{ LOYALTY.points }}|{{ first_name }}]", &known()).unwrap();
    assert_eq!(template.render(&[Value::Text("x".into()), Value::Integer(1)], Medium::Text).unwrap(), "[|]");
    assert_eq!(template.render(&[], Medium::Text).unwrap(), "[|]");
}

#[test]
fn what_is_not_a_tag_stays() {
    for raw in ["", "\n", "a\r\n\r\n", "{ a } % # }} %}", "<style>a{color:red}</style>\n", "日本語 🎉\n\n"] {
        assert_eq!(with(raw, &[], Medium::Html), raw);
    }
    assert_eq!(text("{% raw %}{{ x }}{% endraw %}", &[]), "{{ x }}");
    assert_eq!(text("a{# a note #}b", &[]), "ab");
}
