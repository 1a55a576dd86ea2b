//! Which pairs of customers are worth a look.
//!
//! Customers are grouped into blocks by what they share. In a small block everybody is compared
//! with everybody, by bits that similar texts have in common; in a large one, sorted by name,
//! everybody with a few neighbours. So the work grows with the number of customers and not with
//! its square. A block that is itself a reason, such as a mobile, is answered as a [`Crowd`] if too
//! many share it.

use super::{Reason, names};
use crate::duplicates::Name;
use crate::policy::Policy;
use crate::{CustomerId, TypeNumber};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Customers that share one mobile, address, or name and birthday, and are still answered as pairs.
const PAIRED_MAX: usize = 12;
/// Customers in a block in which everybody is compared with everybody.
const BLOCK_MAX: usize = 512;
/// With how many neighbours a customer of a larger block is compared.
const WINDOW: usize = 64;
/// Of a crowd, how many are named.
const NAMED_MAX: usize = 20;
/// Pairs that are looked at; what is beyond is left out, and the answer says so.
const PAIRS_MAX: usize = 200_000;

/// What is remembered of a customer: 80 bytes. A value is a hash of it, 0 if there is none.
#[derive(Clone, Copy, Debug)]
struct Marks {
    id: CustomerId,
    mobile: u64,
    email: u64,
    birthday: u64,
    postcode: u64,
    name: u64,
    /// The beginning of the name, for sorting.
    begins: u64,
    signature: u128,
}

/// What is remembered of an identity.
#[derive(Clone, Copy, Debug)]
struct Token {
    /// Its type, and the birthday of its owner.
    block: u64,
    owner: CustomerId,
    signature: u128,
    chars: u8,
    /// All its characters added up: a swap does not change it.
    sum: u32,
}

impl Token {
    /// Whether two values may differ by one slip of the hand: a character that is another one is part
    /// of two pairs of neighbours in each, a swap of three.
    fn may_be_slip_of(&self, other: &Token) -> bool {
        let differ = (self.signature ^ other.signature).count_ones();
        let is_swap = self.chars == other.chars && self.sum == other.sum;
        self.chars.abs_diff(other.chars) <= 1 && differ <= if is_swap { 6 } else { 4 }
    }
}

/// What the finder is told of a customer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traits<'t> {
    /// The mobile in canonical form.
    pub mobile: Option<&'t str>,
    /// The e-mail address in canonical form.
    pub email: Option<&'t str>,
    /// The name.
    pub name: Option<&'t str>,
    /// The birthday.
    pub birthday: Option<&'t str>,
    /// The postcode.
    pub postcode: Option<&'t str>,
}

/// Many customers that share one thing: a hotline number, the address of a shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// What they share.
    pub reason: Reason,
    /// How many they are.
    pub count: usize,
    /// The first of them, by id.
    pub customers: Vec<CustomerId>,
}

/// What is worth a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Pairs to be compared, each once, the smaller id first.
    pub pairs: Vec<(CustomerId, CustomerId)>,
    /// What too many share, largest first.
    pub crowds: Vec<Crowd>,
    /// Whether there were more pairs than can be looked at.
    pub is_cut: bool,
}

/// Finds pairs of customers that are worth a look.
#[derive(Debug)]
pub struct Finder<'p> {
    policy: &'p Policy,
    marks: Vec<Marks>,
    tokens: Vec<Token>,
    pairs: BTreeSet<(CustomerId, CustomerId)>,
    crowds: Vec<Crowd>,
    is_cut: bool,
}

impl Finder<'_> {
    /// Knows nobody yet. The policy says which values never match.
    pub fn new(policy: &Policy) -> Finder<'_> {
        Finder {
            policy,
            marks: Vec::new(),
            tokens: Vec::new(),
            pairs: BTreeSet::new(),
            crowds: Vec::new(),
            is_cut: false,
        }
    }

    /// Takes note of a customer. They come in the order of their ids.
    pub fn customer(&mut self, id: CustomerId, traits: Traits<'_>) {
        let trimmed = |text: Option<&str>| {
            text.map(str::trim).filter(|text| !text.is_empty()).map_or(0, hash)
        };
        let usable = |kind, text: Option<&str>| {
            hash_or_none(text.filter(|it| !self.policy.is_blocked(kind, it)))
        };
        let name = traits.name.and_then(Name::of);
        let marks = Marks {
            id,
            mobile: usable("mobile", traits.mobile),
            email: usable("email", traits.email),
            birthday: trimmed(traits.birthday),
            postcode: trimmed(traits.postcode),
            name: hash_or_none(name.as_ref().map(Name::text)),
            begins: name.as_ref().map_or(0, |name| beginning(name.text())),
            signature: name.as_ref().map_or(0, Name::signature),
        };
        if [marks.mobile, marks.email, marks.birthday, marks.postcode].iter().any(|mark| *mark != 0)
        {
            self.marks.push(marks);
        }
    }

    /// Takes note of an identity and its owner, after all customers.
    pub fn identity(&mut self, kind: TypeNumber, value: &str, owner: CustomerId) {
        let place = self.marks.binary_search_by_key(&owner, |marks| marks.id);
        let birthday = place.ok().and_then(|place| self.marks.get(place)).map(|it| it.birthday);
        let chars = value.chars().count();
        let (Some(birthday), Ok(chars)) = (birthday.filter(|day| *day != 0), u8::try_from(chars))
        else {
            return;
        };
        if super::may_be_mistyped(self.policy.rules_of(kind))
            && usize::from(chars) >= super::IDENTITY_CHARS_MIN
        {
            let block = hash((kind, birthday));
            let signature = names::signature(value);
            let sum = value.chars().fold(0, |sum: u32, c| sum.wrapping_add(u32::from(c)));
            self.tokens.push(Token { block, owner, signature, chars, sum });
        }
    }

    /// What is worth a look, of all that was noted.
    pub fn candidates(mut self) -> Candidates {
        let marks = std::mem::take(&mut self.marks);
        self.shared(&marks, Reason::SameMobile, |marks| marks.mobile);
        self.shared(&marks, Reason::SameEmail, |marks| marks.email);
        self.shared(&marks, Reason::SameNameAndBirthday, |marks| match marks {
            Marks { name: 0, .. } | Marks { birthday: 0, .. } => 0,
            Marks { name, birthday, .. } => hash((name, birthday)),
        });
        self.near(&marks, |marks| marks.birthday, (1, 2));
        // Thousands share a postcode: there, short names must be the same.
        self.near(&marks, |marks| marks.postcode, (2, 3));
        drop(marks);
        self.near_identities();
        self.crowds.sort_by_key(|crowd| (std::cmp::Reverse(crowd.count), crowd.reason));
        Candidates {
            pairs: self.pairs.into_iter().collect(),
            crowds: self.crowds,
            is_cut: self.is_cut,
        }
    }

    /// Everybody who shares a value that is a reason by itself.
    fn shared(&mut self, marks: &[Marks], reason: Reason, value: impl Fn(&Marks) -> u64) {
        let mut sorted: Vec<(u64, CustomerId)> =
            marks.iter().map(|it| (value(it), it.id)).filter(|(value, _)| *value != 0).collect();
        sorted.sort_unstable();
        for block in sorted.chunk_by(|one, next| one.0 == next.0).filter(|block| block.len() > 1) {
            if block.len() > PAIRED_MAX {
                let customers = block.iter().map(|(_, id)| *id).take(NAMED_MAX).collect();
                self.crowds.push(Crowd { reason, count: block.len(), customers });
                continue;
            }
            for (place, (_, one)) in block.iter().enumerate() {
                for (_, other) in block.iter().skip(place + 1) {
                    self.pair(*one, *other);
                }
            }
        }
    }

    /// Everybody who shares a value and may have a similar name: one that has this part of the bits
    /// in common.
    fn near(&mut self, marks: &[Marks], value: impl Fn(&Marks) -> u64, part: (u32, u32)) {
        let mut sorted: Vec<(u64, Marks)> = marks
            .iter()
            .filter(|it| it.name != 0)
            .map(|it| (value(it), *it))
            .filter(|(value, _)| *value != 0)
            .collect();
        sorted.sort_unstable_by_key(|(value, it)| (*value, it.begins, it.id));
        for block in sorted.chunk_by(|one, next| one.0 == next.0).filter(|block| block.len() > 1) {
            let reach = if block.len() > BLOCK_MAX { WINDOW } else { block.len() };
            for (place, (_, one)) in block.iter().enumerate() {
                for (_, other) in block.iter().skip(place + 1).take(reach) {
                    // Those who share the very name and a birthday were paired, or are a crowd.
                    let is_told = one.name == other.name && one.birthday == other.birthday;
                    let is_told = is_told && one.birthday != 0;
                    if !is_told && look_alike(one.signature, other.signature, part) {
                        self.pair(one.id, other.id);
                    }
                }
            }
        }
    }

    fn near_identities(&mut self) {
        let mut tokens = std::mem::take(&mut self.tokens);
        tokens.sort_unstable_by_key(|token| (token.block, token.owner, token.signature));
        let blocks = tokens.chunk_by(|one, next| one.block == next.block);
        for block in blocks.filter(|block| block.len() > 1) {
            let reach = if block.len() > BLOCK_MAX { WINDOW } else { block.len() };
            for (place, one) in block.iter().enumerate() {
                for other in block.iter().skip(place + 1).take(reach) {
                    if one.owner != other.owner && one.may_be_slip_of(other) {
                        self.pair(one.owner, other.owner);
                    }
                }
            }
        }
    }

    fn pair(&mut self, one: CustomerId, other: CustomerId) {
        if self.pairs.len() < PAIRS_MAX {
            self.pairs.insert((one.min(other), one.max(other)));
        } else {
            self.is_cut = true;
        }
    }
}

/// Whether two texts share at least this part of the bits of the shorter one.
fn look_alike(one: u128, other: u128, (part, of): (u32, u32)) -> bool {
    of * (one & other).count_ones() >= part * one.count_ones().min(other.count_ones())
}

/// The first eight bytes, in the order of the text.
fn beginning(text: &str) -> u64 {
    let mut bytes = [0; 8];
    for (byte, place) in text.bytes().zip(&mut bytes) {
        *place = byte;
    }
    u64::from_be_bytes(bytes)
}

fn hash_or_none(text: Option<&str>) -> u64 {
    text.map_or(0, hash)
}

/// Never 0, which stands for nothing. Always the same: two engines find the same pairs.
fn hash<T: Hash>(value: T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish().max(1)
}
