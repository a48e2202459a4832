//! The parser's tree becomes a program: every name is a field that exists, every filter and comparison fits what it is used on.

use minijinja::machinery::ast::{self, BinOpKind, CallArg, CompareOpKind, UnaryOpKind};
use minijinja::machinery::{Span, parse};
use minijinja::value::ValueKind;

use super::filters::Filter;
use super::program::{Comparison, Expr, Node, Operation};
use super::value::{Kind, Value};
use super::{Fault, Field, MAX_FAULTS, Template, names, scan, words};

/// Reads a text that [`scan::scan`] let through.
pub(super) fn compile(text: &str, known: &[Field]) -> Result<Template, Vec<Fault>> {
    let tree = parse(text, "text", scan::syntax()?)
        .map_err(|error| vec![words::syntax(error.line().unwrap_or(1), error.detail().unwrap_or_default())])?;
    let mut compiler = Compiler { text, known, fields: Vec::new(), faults: Vec::new() };
    let ast::Stmt::Template(root) = tree else { return Err(vec![words::syntax(1, "")]) };
    let nodes = compiler.nodes(&root.children);
    compiler.faults.sort_by_key(|f| f.line);
    compiler.faults.truncate(MAX_FAULTS);
    if compiler.faults.is_empty() { Ok(Template { nodes, fields: compiler.fields }) } else { Err(compiler.faults) }
}

struct Compiler<'a> {
    text: &'a str,
    known: &'a [Field],
    /// The fields that the text names.
    fields: Vec<Field>,
    faults: Vec<Fault>,
}

/// An expression and the kind of its value; no kind where it may be any.
type Typed = (Expr, Option<Kind>);

/// What stands for an expression that has a fault: it fits everywhere, so that one mistake is told once.
const NOTHING: Typed = (Expr::Literal(Value::Null), None);

impl Compiler<'_> {
    fn fault(&mut self, span: Span, what: impl Into<String>, advice: impl Into<String>) -> Typed {
        if self.faults.len() < MAX_FAULTS {
            let line = scan::line_at(self.text, span.start_offset as usize);
            self.faults.push(Fault { line, what: what.into(), advice: advice.into() });
        }
        NOTHING
    }

    fn nodes(&mut self, statements: &[ast::Stmt<'_>]) -> Vec<Node> {
        statements.iter().filter_map(|s| self.node(s)).collect()
    }

    fn node(&mut self, statement: &ast::Stmt<'_>) -> Option<Node> {
        match statement {
            ast::Stmt::EmitRaw(raw) => Some(Node::Raw(raw.raw.to_owned())),
            ast::Stmt::EmitExpr(shown) => Some(Node::Show(self.expr(&shown.expr).0)),
            ast::Stmt::IfCond(condition) => Some(Node::If {
                when: self.expr(&condition.expr).0,
                then: self.nodes(&condition.true_body),
                otherwise: self.nodes(&condition.false_body),
            }),
            // The look before has named all others already.
            _ => {
                self.faults.push(words::syntax(1, "a statement"));
                None
            }
        }
    }

    fn expr(&mut self, expr: &ast::Expr<'_>) -> Typed {
        match expr {
            ast::Expr::Var(_) | ast::Expr::GetAttr(_) => self.field(expr),
            ast::Expr::Const(constant) => self.literal(&constant.value, expr.span()),
            ast::Expr::UnaryOp(of) => match of.op {
                UnaryOpKind::Not => (Expr::Not(Box::new(self.expr(&of.expr).0)), Some(Kind::Boolean)),
                UnaryOpKind::Neg => {
                    let number = self.number(&of.expr);
                    (
                        Expr::Arithmetic(Box::new(Expr::Literal(Value::Integer(0))), Operation::Subtract, Box::new(number)),
                        Some(Kind::Number),
                    )
                }
            },
            ast::Expr::BinOp(of) => self.binary(of, expr.span()),
            ast::Expr::Compare(of) => self.comparisons(of, expr.span()),
            ast::Expr::Filter(of) => self.filter(of, expr.span()),
            ast::Expr::IfExpr(_) => self.fault(
                expr.span(),
                "A condition stands between {{ and }}.",
                "Write {% if … %} … {% else %} … {% endif %} around the texts.",
            ),
            ast::Expr::Test(_) => self.fault(
                expr.span(),
                "“is” is not known here.",
                "Write {% if first_name %} for a field that has a value, and {% if not first_name %} for one that is empty.",
            ),
            ast::Expr::Call(_) => self.fault(
                expr.span(),
                "Nothing can be called with brackets here.",
                "Write a field without brackets, and filters behind a |.",
            ),
            ast::Expr::GetItem(_) | ast::Expr::Slice(_) => self.fault(
                expr.span(),
                "Square brackets are not known here.",
                "Write a field of an extension with a dot, such as LOYALTY.points.",
            ),
            ast::Expr::List(_) | ast::Expr::Tuple(_) | ast::Expr::Map(_) => self.fault(
                expr.span(),
                "A list stands where one value belongs.",
                "Lists stand only behind “in”, such as LOYALTY.tier in [\"Gold\", \"Silver\"].",
            ),
        }
    }

    fn field(&mut self, expr: &ast::Expr<'_>) -> Typed {
        let Some(reference) = reference(expr) else {
            return self.fault(
                expr.span(),
                "This is no field.",
                "Write the field's name, or its extension and its name with a dot between, such as LOYALTY.points.",
            );
        };
        if let Some(slot) = self.fields.iter().position(|f| f.reference == reference) {
            return (Expr::Field(slot), self.fields.get(slot).map(|f| f.kind));
        }
        let Some(field) = self.known.iter().find(|f| f.reference == reference) else {
            let all = self.known.iter().map(|f| f.reference.as_str());
            let advice = names::advice(&reference, all, "Choose one of the fields beside the text.");
            return self.fault(expr.span(), format!("There is no field {}.", words::quoted(&reference)), advice);
        };
        self.fields.push(field.clone());
        (Expr::Field(self.fields.len() - 1), Some(field.kind))
    }

    fn literal(&mut self, value: &minijinja::Value, span: Span) -> Typed {
        let value = match value.kind() {
            ValueKind::None => Some(Value::Null),
            ValueKind::Bool => Some(Value::Boolean(value.is_true())),
            ValueKind::Number if value.is_integer() => i64::try_from(value.clone()).ok().map(Value::Integer),
            ValueKind::Number => f64::try_from(value.clone()).ok().filter(|n| n.is_finite()).map(Value::Float),
            ValueKind::String => value.as_str().map(|text| Value::Text(text.to_owned())),
            _ => None,
        };
        let Some(value) = value else {
            return self.fault(span, "This value is no text and no number that Rialto can hold.", "Write another one.");
        };
        let kind = value.kind();
        (Expr::Literal(value), kind)
    }

    fn number(&mut self, expr: &ast::Expr<'_>) -> Expr {
        let (made, kind) = self.expr(expr);
        match kind {
            None | Some(Kind::Number) => made,
            Some(other) => {
                let what = format!("Only numbers can be calculated with, and this is {}.", other.words());
                self.fault(expr.span(), what, "Choose a field that is a number.").0
            }
        }
    }

    fn binary(&mut self, of: &ast::BinOp<'_>, span: Span) -> Typed {
        let how = match of.op {
            BinOpKind::ScAnd => return (Expr::And(Box::new(self.expr(&of.left).0), Box::new(self.expr(&of.right).0)), Some(Kind::Boolean)),
            BinOpKind::ScOr => return (Expr::Or(Box::new(self.expr(&of.left).0), Box::new(self.expr(&of.right).0)), Some(Kind::Boolean)),
            BinOpKind::Add => return self.arithmetic(of, Operation::Add),
            BinOpKind::Sub => return self.arithmetic(of, Operation::Subtract),
            BinOpKind::Mul => return self.arithmetic(of, Operation::Multiply),
            BinOpKind::Div => return self.arithmetic(of, Operation::Divide),
            BinOpKind::Eq => CompareOpKind::Eq,
            BinOpKind::Ne => CompareOpKind::Ne,
            BinOpKind::Lt => CompareOpKind::Lt,
            BinOpKind::Lte => CompareOpKind::Lte,
            BinOpKind::Gt => CompareOpKind::Gt,
            BinOpKind::Gte => CompareOpKind::Gte,
            BinOpKind::In => CompareOpKind::In,
            BinOpKind::FloorDiv | BinOpKind::Rem | BinOpKind::Pow | BinOpKind::Concat => {
                return self.fault(
                    span,
                    "This sign is not known here.",
                    "Numbers are calculated with + - * and /; two texts are written one after the other.",
                );
            }
        };
        (self.comparison(&of.left, how, &of.right, span), Some(Kind::Boolean))
    }

    fn arithmetic(&mut self, of: &ast::BinOp<'_>, operation: Operation) -> Typed {
        (Expr::Arithmetic(Box::new(self.number(&of.left)), operation, Box::new(self.number(&of.right))), Some(Kind::Number))
    }

    fn comparisons(&mut self, of: &ast::Compare<'_>, span: Span) -> Typed {
        match of.ops.as_slice() {
            [one] => (self.comparison(&of.expr, one.op, &one.expr, span), Some(Kind::Boolean)),
            _ => self.fault(span, "Several values are compared at once.", "Compare two, and join what you want with “and” or “or”."),
        }
    }

    fn comparison(&mut self, left: &ast::Expr<'_>, how: CompareOpKind, right: &ast::Expr<'_>, span: Span) -> Expr {
        let how = match how {
            CompareOpKind::In => return self.among(left, right),
            CompareOpKind::NotIn => return Expr::Not(Box::new(self.among(left, right))),
            CompareOpKind::Eq => Comparison::Equal,
            CompareOpKind::Ne => Comparison::Unequal,
            CompareOpKind::Lt => Comparison::Less,
            CompareOpKind::Lte => Comparison::LessOrEqual,
            CompareOpKind::Gt => Comparison::Greater,
            CompareOpKind::Gte => Comparison::GreaterOrEqual,
        };
        let (a, b) = (self.expr(left), self.expr(right));
        self.compare(a, how, b, span)
    }

    /// `LOYALTY.tier in ["Gold", "Silver"]`.
    fn among(&mut self, left: &ast::Expr<'_>, right: &ast::Expr<'_>) -> Expr {
        let items = match right {
            ast::Expr::List(list) => list.items.iter().collect::<Vec<_>>(),
            ast::Expr::Tuple(list) => list.items.iter().collect(),
            _ => return self.fault(right.span(), "Behind “in” stands no list.", "Write it like LOYALTY.tier in [\"Gold\", \"Silver\"].").0,
        };
        let of = self.expr(left);
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            let (one, kind) = alike(self.expr(item), &of);
            self.comparable(of.1, kind, item.span());
            all.push(one);
        }
        Expr::Among(Box::new(of.0), all)
    }

    /// Texts that are written beside a date or a yes-or-no are read as such.
    fn compare(&mut self, a: Typed, how: Comparison, b: Typed, span: Span) -> Expr {
        let a = alike(a, &b);
        let b = alike(b, &a);
        self.comparable(a.1, b.1, span);
        Expr::Compare(Box::new(a.0), how, Box::new(b.0))
    }

    fn comparable(&mut self, one: Option<Kind>, other: Option<Kind>, span: Span) {
        if let (Some(one), Some(other)) = (one, other)
            && !one.compares_with(other)
        {
            let what = format!("{} cannot be compared with {}.", capital(one.words()), other.words());
            self.fault(span, what, compare_advice(one, other));
        }
    }

    fn filter(&mut self, of: &ast::Filter<'_>, span: Span) -> Typed {
        let Some(inner) = &of.expr else { return self.fault(span, "A filter stands behind nothing.", "Put a field before the |.") };
        let (made, kind) = self.expr(inner);
        if of.name == "default" {
            return self.default(of, made, kind, span);
        }
        let mut args = Vec::new();
        for arg in &of.args {
            match arg {
                CallArg::Pos(ast::Expr::Const(constant)) => match self.literal(&constant.value, span) {
                    (Expr::Literal(value), _) => args.push(value),
                    _ => return NOTHING,
                },
                _ => {
                    return self.fault(
                        span,
                        format!("In the brackets of {} stands more than texts and numbers.", of.name),
                        "Write texts between quotes, numbers as such.",
                    );
                }
            }
        }
        match Filter::read(of.name, &args, kind) {
            Ok(filter) => {
                let kind = filter.kind();
                (Expr::Filter(Box::new(made), filter), Some(kind))
            }
            Err((what, advice)) => self.fault(span, what, advice),
        }
    }

    /// `default("Bronze")`, or another field: `default(first_name)`.
    fn default(&mut self, of: &ast::Filter<'_>, made: Expr, kind: Option<Kind>, span: Span) -> Typed {
        let [CallArg::Pos(instead)] = of.args.as_slice() else {
            return self.fault(
                span,
                "default has not one value in its brackets.",
                "Write what stands in for an empty value, such as default(\"member\").",
            );
        };
        let (instead, other) = self.expr(instead);
        let kind = if kind == other || kind.is_none() {
            other
        } else if other.is_none() {
            kind
        } else {
            Some(Kind::Text)
        };
        (Expr::Default(Box::new(made), Box::new(instead)), kind)
    }
}

/// `LOYALTY.points` or `first_name`.
fn reference(expr: &ast::Expr<'_>) -> Option<String> {
    match expr {
        ast::Expr::Var(name) => Some(name.id.to_owned()),
        ast::Expr::GetAttr(of) => match &of.expr {
            ast::Expr::Var(scope) => Some(format!("{}.{}", scope.id, of.name)),
            _ => None,
        },
        _ => None,
    }
}

/// A text literal as a value of the other's kind, where it can be read as one.
fn alike(one: Typed, other: &Typed) -> Typed {
    match (&one, other.1) {
        ((Expr::Literal(Value::Text(text)), _), Some(kind)) if kind != Kind::Text && kind != Kind::Number => {
            let read = Value::read(text, kind).filter(|v| !v.is_null());
            read.map_or(one, |value| {
                let kind = value.kind();
                (Expr::Literal(value), kind)
            })
        }
        _ => one,
    }
}

fn compare_advice(one: Kind, other: Kind) -> &'static str {
    match (one, other) {
        (Kind::Number, Kind::Text) | (Kind::Text, Kind::Number) => "Write numbers without quotes: LOYALTY.points > 1000.",
        _ if one.is_day() || other.is_day() => "Write dates between quotes as year, month and day: \"2026-03-31\".",
        (Kind::Boolean, _) | (_, Kind::Boolean) => {
            "A field that is yes or no is a condition by itself: {% if LOYALTY.wants_text_messages %}."
        }
        _ => "Compare fields of one kind.",
    }
}

fn capital(words: &str) -> String {
    let mut rest = words.chars();
    rest.next().map(|c| c.to_uppercase().chain(rest).collect()).unwrap_or_default()
}
