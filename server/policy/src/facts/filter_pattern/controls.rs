//! Which monitoring controls a filter satisfies.
//!
//! A filter satisfies a control when it lets through every event that the control wants seen. Whether it does is tried on
//! examples of each class, and then on the same examples bent by the filter's own conditions: a condition on a member
//! that the control leaves open splits the events in two, so an example is put on each side of it. A clause that hides
//! some, such as `$.userIdentity.arn != "…"`, is found out that way, and one that hides none is not held against it.

use super::events::{ALWAYS_THERE, Class, Control, all};
use super::{Expr, Op, Operand, Pattern, Role, Selector, Step, Test, nothing, parse};
use serde_json::{Map, Value, json};

/// Bends of two members at once are tried up to this many bends of one.
const PAIRED: usize = 24;

/// The facts of a metric filter: the controls it satisfies, and for those of which it sees a part, what it misses.
pub(crate) fn facts(pattern: &Value, field_selection: &Value) -> Value {
    let Some(pattern) = pattern.as_str().and_then(|text| parse(text).ok()) else { return nothing(false) };
    // A filter on accounts or regions looks at only a part of the log.
    if field_selection.as_str().is_some_and(|criteria| !criteria.trim().is_empty()) {
        return nothing(true);
    }
    let mut satisfied = Vec::new();
    let mut misses = Map::new();
    for control in all() {
        let missed: Vec<&str> =
            control.classes.iter().filter(|class| !sees(&pattern, control, class)).map(|class| class.label).collect();
        if missed.is_empty() {
            satisfied.push(control.id);
        }
        if missed.len() < control.classes.len() {
            misses.insert(control.id.to_owned(), json!(missed));
        }
    }
    json!({ "valid": true, "controls": satisfied, "misses": misses })
}

/// Whether the pattern lets through every event of the class.
fn sees(pattern: &Pattern, control: &Control, class: &Class) -> bool {
    if !class.examples.iter().all(|example| pattern.matches(example)) {
        return false;
    }
    match pattern {
        Pattern::Everything | Pattern::Columns(_) => true,
        // Any event can hold any word, so a word that is kept out hides some.
        Pattern::Terms(terms) => !terms.iter().any(|term| term.role == Role::Excluded),
        Pattern::Json(expr) => {
            let mut tests = Vec::new();
            expr.tests(&mut tests);
            let open: Vec<(&Selector, &Test)> = tests.into_iter().filter(|(s, _)| is_open(s, class)).collect();
            if open.iter().any(|(_, test)| is_dark(test)) {
                return holds_without_dark(expr, class);
            }
            bends(&open).into_iter().all(|bend| {
                class.examples.iter().all(|example| {
                    let bent = bend.iter().fold(example.clone(), |event, one| one.apply(event));
                    is_exempt(control, &bent) || pattern.matches(&bent)
                })
            })
        }
    }
}

fn is_exempt(control: &Control, event: &Value) -> bool {
    control.exempt.iter().any(|(member, value)| event.get(member).and_then(Value::as_str) == Some(*value))
}

/// Whether the control leaves the member open.
fn is_open(selector: &Selector, class: &Class) -> bool {
    let path = path(selector);
    !class.fixed.iter().any(|fixed| *fixed == path || fixed.starts_with(&format!("{path}.")))
}

fn path(selector: &Selector) -> String {
    let names: Vec<String> = selector
        .0
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.clone(),
            Step::Index(index) => index.to_string(),
            Step::AnyItem => "*".to_owned(),
        })
        .collect();
    names.join(".")
}

/// A test whose two sides cannot be made up: a regular expression.
fn is_dark(test: &Test) -> bool {
    matches!(test, Test::Compare(_, Operand::Matching(_)))
}

/// Whether all examples pass when every test that cannot be bent is taken to be false.
fn holds_without_dark(expr: &Expr, class: &Class) -> bool {
    let lit = light(expr, class);
    class.examples.iter().all(|example| lit.holds(example))
}

fn light(expr: &Expr, class: &Class) -> Expr {
    match expr {
        Expr::All(parts) => Expr::All(parts.iter().map(|part| light(part, class)).collect()),
        Expr::Any(parts) => Expr::Any(parts.iter().map(|part| light(part, class)).collect()),
        Expr::Test(selector, _) if is_open(selector, class) => Expr::Any(Vec::new()),
        Expr::Test(..) => expr.clone(),
    }
}

/// One member made to be something, or gone.
#[derive(Clone)]
struct Bend<'a> {
    selector: &'a Selector,
    value: Option<Value>,
}

impl Bend<'_> {
    fn apply(&self, mut event: Value) -> Value {
        match &self.value {
            Some(value) => put(&mut event, &self.selector.0, value.clone()),
            None => remove(&mut event, &self.selector.0),
        }
        event
    }
}

/// Every bend of one member, and where there are few, of two.
fn bends<'a>(open: &[(&'a Selector, &'a Test)]) -> Vec<Vec<Bend<'a>>> {
    let mut single = Vec::new();
    for (selector, test) in open {
        single.extend(sides(test).into_iter().map(|value| Bend { selector, value: Some(value) }));
        if !ALWAYS_THERE.contains(&path(selector).as_str()) {
            single.push(Bend { selector, value: None });
        }
    }
    let mut all: Vec<Vec<Bend<'a>>> = single.iter().map(|bend| vec![bend.clone()]).collect();
    if single.len() <= PAIRED {
        for (at, one) in single.iter().enumerate() {
            let others = single[at + 1..].iter().filter(|other| other.selector != one.selector);
            all.extend(others.map(|other| vec![one.clone(), other.clone()]));
        }
    }
    all
}

/// Values on both sides of a test.
fn sides(test: &Test) -> Vec<Value> {
    let other = json!("something-else");
    match test {
        Test::Compare(_, Operand::Matching(_)) => Vec::new(),
        Test::Compare(op, Operand::Text(text)) => {
            let mut sides = vec![json!(text.replace('*', "x")), json!(text.replace('*', "")), other];
            // `= "*"` is true of any text, so nothing is on its other side.
            sides.dedup();
            if *op == Op::Equal || *op == Op::NotEqual { sides } else { Vec::new() }
        }
        Test::Compare(_, Operand::Number(number, written)) => {
            vec![json!(number - 1.0), json!(number), json!(number + 1.0), json!(written)]
        }
        Test::IsNull | Test::Exists | Test::NotExists => vec![other, Value::Null],
        Test::IsTrue | Test::IsFalse => vec![json!(true), json!(false)],
    }
}

fn put(place: &mut Value, steps: &[Step], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *place = value;
        return;
    };
    match step {
        Step::Key(key) => {
            if !place.is_object() {
                *place = json!({});
            }
            put(&mut place[key.as_str()], rest, value);
        }
        Step::Index(_) | Step::AnyItem => {
            // No event has a list this long; a pattern that asks for it is bent at its end.
            let index = if let Step::Index(index) = step { (*index).min(32) } else { 0 };
            if !place.is_array() {
                *place = json!([]);
            }
            if let Some(items) = place.as_array_mut() {
                items.resize(items.len().max(index + 1), Value::Null);
                put(&mut items[index], rest, value);
            }
        }
    }
}

fn remove(place: &mut Value, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else { return };
    match (step, place) {
        (Step::Key(key), Value::Object(members)) if rest.is_empty() => {
            members.remove(key);
        }
        (Step::Key(key), Value::Object(members)) => {
            if let Some(member) = members.get_mut(key) {
                remove(member, rest);
            }
        }
        (Step::Index(_) | Step::AnyItem, place @ Value::Array(_)) => *place = json!([]),
        _ => {}
    }
}
