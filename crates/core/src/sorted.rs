//! Small sorted collections, and one sort for all types.
//!
//! The standard library's `BTreeMap`, `BTreeSet` and sorts are compiled anew for every type they are used with, ten kilobytes each
//! time: with them the page would load twice as much. These collections are sorted vectors, whose code is a tenth of that.
//! Inserting in the middle moves all later items, so use a `BTreeMap` for what may grow large and arrives in any order.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A map in the order of its keys. Serialised as an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// The index of the key, or the index at which to insert it.
    fn position<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        search(self.0.len(), &|at| self.0.get(at).map_or(Ordering::Greater, |(other, _)| other.borrow().cmp(key)))
    }

    /// The value of the key, if the key is there.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.position(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// The value of the key for changing, if the key is there.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.position(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Inserts a value, replacing the one that the key had.
    pub fn insert(&mut self, key: K, value: V) {
        match self.position(&key) {
            Ok(place) => {
                if let Some((_, old)) = self.0.get_mut(place) {
                    *old = value;
                }
            }
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    /// Removes the key and returns its value, if it was there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.position(key).ok()?;
        Some(self.0.remove(place).1)
    }

    /// Keeps only the pairs for which `passes` is true.
    pub fn retain(&mut self, mut passes: impl FnMut(&K, &V) -> bool) {
        self.0.retain(|(key, value)| passes(key, value));
    }

    /// Changes the value of the key, starting from the default if the key is new. Returns what `change` returns.
    pub fn change<T>(&mut self, key: K, change: impl FnOnce(&mut V) -> T) -> Option<T>
    where
        V: Default,
    {
        let place = match self.position(&key) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (key, V::default()));
                place
            }
        };
        self.0.get_mut(place).map(|(_, value)| change(value))
    }

    /// The pair with the lowest key.
    #[must_use]
    pub fn first(&self) -> Option<&(K, V)> {
        self.0.first()
    }

    /// The pair with the highest key.
    #[must_use]
    pub fn last(&self) -> Option<&(K, V)> {
        self.0.last()
    }

    /// Removes and returns the pair with the lowest key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }

    /// The pairs, in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The values for changing, in the order of their keys.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// The values, in the order of their keys.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.0.into_iter().map(|(_, value)| value)
    }

    /// The number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::default();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

impl<K: Serialize, V: Serialize> Serialize for SortedMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for SortedMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<K, V>(PhantomData<(K, V)>);
        impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Members<K, V> {
            type Value = SortedMap<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut map = SortedMap::default();
                while let Some((key, value)) = access.next_entry()? {
                    map.insert(key, value);
                }
                Ok(map)
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// A set of values in order. Serialised as a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SortedSet<T>(Vec<T>);

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> SortedSet<T> {
    fn position(&self, value: &T) -> Result<usize, usize> {
        search(self.0.len(), &|at| self.0.get(at).map_or(Ordering::Greater, |other| other.cmp(value)))
    }

    /// Inserts a value. Returns whether it is new.
    pub fn insert(&mut self, value: T) -> bool {
        let place = self.position(&value);
        if let Err(place) = place {
            self.0.insert(place, value);
        }
        place.is_err()
    }

    /// Removes a value. Returns whether it was there.
    pub fn remove(&mut self, value: &T) -> bool {
        let place = self.position(value);
        if let Ok(place) = place {
            self.0.remove(place);
        }
        place.is_ok()
    }

    /// Whether the set has the value.
    #[must_use]
    pub fn contains(&self, value: &T) -> bool {
        self.position(value).is_ok()
    }

    /// Keeps only the values for which `passes` is true.
    pub fn retain(&mut self, passes: impl FnMut(&T) -> bool) {
        self.0.retain(passes);
    }

    /// The lowest value.
    #[must_use]
    pub fn first(&self) -> Option<&T> {
        self.0.first()
    }

    /// Removes and returns the lowest value.
    pub fn pop_first(&mut self) -> Option<T> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }

    /// Removes and returns the lowest values, up to the first one that does not pass.
    pub fn pop_while(&mut self, passes: impl Fn(&T) -> bool) -> Vec<T> {
        let count = self.0.partition_point(passes);
        self.0.drain(..count).collect()
    }

    /// The values, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// The number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a, T: Ord> IntoIterator for &'a SortedSet<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Ord> FromIterator<T> for SortedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut set = Self::default();
        set.extend(values);
        set
    }
}

impl<T: Ord> Extend<T> for SortedSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        for value in values {
            self.insert(value);
        }
    }
}

impl<'de, T: Ord + Deserialize<'de>> Deserialize<'de> for SortedSet<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<T>::deserialize(deserializer).map(Self::from_iter)
    }
}

/// Sorts by `compare`. Equal values keep their order.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let swaps = swaps(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        (Some(_) | None, Some(_) | None) => Ordering::Equal,
    });
    for (place, from) in swaps.into_iter().enumerate() {
        items.swap(place, from);
    }
}

/// Sorts by the natural order of the values.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Finds an index by binary search: that of an equal item, or that at which to insert. `compare` compares the item at an index with
/// the one sought. The search knows only indexes, so it is compiled once for all types.
fn search(len: usize, compare: &dyn Fn(usize) -> Ordering) -> Result<usize, usize> {
    // Most items arrive in order, so try the end first.
    let (mut from, mut to) = match len.checked_sub(1).map(compare) {
        None | Some(Ordering::Less) => (len, len),
        Some(Ordering::Equal | Ordering::Greater) => (0, len),
    };
    while from < to {
        let middle = from.midpoint(to);
        match compare(middle) {
            Ordering::Less => from = middle + 1,
            Ordering::Equal => return Ok(middle),
            Ordering::Greater => to = middle,
        }
    }
    Err(from)
}

/// The swaps that sort `len` items: the index to swap each item with, from the first to the last. The sort knows only indexes, so
/// it is compiled once for all types.
fn swaps(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    places.sort_by(|a, b| compare(*a, *b));
    for at in 0..len {
        // An earlier swap may have moved the item that belongs here: follow it.
        let mut from = places.get(at).copied().unwrap_or(at);
        while from < at {
            from = places.get(from).copied().unwrap_or(at);
        }
        if let Some(place) = places.get_mut(at) {
            *place = from;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sorted_map_is_a_map(steps in prop::collection::vec((0..9_u8, 0..20_u8, any::<u32>()), 0..100)) {
            let (mut ours, mut theirs) = (SortedMap::default(), BTreeMap::new());
            for (what, key, value) in steps {
                match what {
                    0..5 => { ours.insert(key, value); theirs.insert(key, value); }
                    5 => prop_assert_eq!(ours.remove(&key), theirs.remove(&key)),
                    6 => prop_assert_eq!(ours.pop_first(), theirs.pop_first()),
                    7 => {
                        ours.retain(|k, _| *k != key);
                        theirs.retain(|k, _| *k != key);
                    }
                    _ => {
                        ours.change(key, |n| *n = n.wrapping_add(1));
                        let n = theirs.entry(key).or_default();
                        *n = n.wrapping_add(1);
                    }
                }
                prop_assert_eq!(ours.get(&key), theirs.get(&key));
                prop_assert_eq!(ours.first().copied(), theirs.first_key_value().map(|(k, v)| (*k, *v)));
                prop_assert_eq!(ours.last().copied(), theirs.last_key_value().map(|(k, v)| (*k, *v)));
                prop_assert!(ours.iter().eq(theirs.iter()));
            }
            let written = serde_json::to_string(&theirs).unwrap();
            prop_assert_eq!(&serde_json::to_string(&ours).unwrap(), &written);
            prop_assert_eq!(serde_json::from_str::<SortedMap<u8, u32>>(&written).unwrap(), ours);
        }

        #[test]
        fn a_sorted_set_is_a_set(steps in prop::collection::vec((0..6_u8, 0..20_u8), 0..100)) {
            let (mut ours, mut theirs) = (SortedSet::default(), BTreeSet::new());
            for (what, value) in steps {
                match what {
                    0..3 => prop_assert_eq!(ours.insert(value), theirs.insert(value)),
                    3 => prop_assert_eq!(ours.remove(&value), theirs.remove(&value)),
                    4 => prop_assert_eq!(ours.pop_first(), theirs.pop_first()),
                    _ => {
                        let taken: BTreeSet<_> = ours.pop_while(|other| *other < value).into_iter().collect();
                        let kept = theirs.split_off(&value);
                        prop_assert_eq!(taken, std::mem::replace(&mut theirs, kept));
                    }
                }
                prop_assert_eq!(ours.contains(&value), theirs.contains(&value));
                prop_assert!(ours.iter().eq(theirs.iter()));
            }
        }

        #[test]
        fn the_sort_is_stable(mut items in prop::collection::vec((0..5_u8, any::<u16>()), 0..50)) {
            let mut theirs = items.clone();
            theirs.sort_by_key(|item| item.0);
            sort_by(&mut items, |a, b| a.0.cmp(&b.0));
            prop_assert_eq!(items, theirs);
        }
    }
}
