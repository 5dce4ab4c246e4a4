//! Tables in plain columns, aligned by the text without its colours.

use anstyle::Style;

use super::{DIM, paint};

/// One cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in that style.
    pub(crate) fn styled(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style }
    }

    /// The text in its style, for use outside a table.
    pub(crate) fn painted(&self) -> String {
        paint(self.style, &self.text)
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::new() }
    }
}

/// The side on which a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// A table's heads and rows.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The table as lines, heads first, without trailing spaces.
    pub(crate) fn lines(&self) -> Vec<String> {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, (head, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.chars().count());
                cells.chain([head.chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let heads: Vec<Cell> = self.columns.iter().map(|(head, _)| Cell::styled(DIM, *head)).collect();
        std::iter::once(&heads).chain(&self.rows).map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[Cell], widths: &[usize]) -> String {
        let mut line = String::new();
        let mut owed = 0;
        for ((cell, (_, align)), width) in row.iter().zip(&self.columns).zip(widths) {
            let pad = width.saturating_sub(cell.text.chars().count());
            let (before, after) = match align {
                Align::Left => (owed, pad + 2),
                Align::Right => (owed + pad, 2),
            };
            if cell.text.is_empty() {
                owed = before + after;
            } else {
                line.push_str(&" ".repeat(before));
                line.push_str(&paint(cell.style, &cell.text));
                owed = after;
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_words_left_and_numbers_right_without_trailing_spaces() {
        let mut table = Table::new(&[("chunk", Align::Right), ("outcome", Align::Left), ("left", Align::Right)]);
        table.push(vec!["1".into(), Cell::styled(super::super::GOOD, "verified"), "0".into()]);
        table.push(vec!["10".into(), "held".into(), "".into()]);
        let plain: Vec<String> = table.lines().iter().map(|l| anstream::adapter::strip_str(l).to_string()).collect();
        assert_eq!(plain, ["chunk  outcome   left", "    1  verified     0", "   10  held"]);
    }
}
