//! What a text becomes: a tree of bounded depth, every field a position in the list of values.

use super::filters::Filter;
use super::value::Value;

#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Text that stands as it is.
    Raw(String),
    Show(Expr),
    If {
        when: Expr,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Expr {
    Field(usize),
    Literal(Value),
    Filter(Box<Expr>, Filter),
    /// What stands in for an empty value. It goes before the field's own default.
    Default(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Comparison, Box<Expr>),
    /// Equals one of several.
    Among(Box<Expr>, Vec<Expr>),
    Arithmetic(Box<Expr>, Operation, Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}
