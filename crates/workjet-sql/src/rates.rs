//! Rate limits, counted exactly.
//!
//! A call loads what it concerns (a few meters and a reservation, never all of them), lets [`ledger`] decide, and writes
//! what changed in one batch, under the condition that the tenant's book still has the version that was read. So a call
//! sees no other half done, whether they run side by side in one instance, in several, or one's future was dropped while
//! its batch was on the way; whoever was too late begins anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_tenant::gcra::Meter;
use workjet_tenant::ledger::{self, Look, Meters, Reservation, Room};
use workjet_tenant::{
    Charge, Consistency, Decision, LimitKey, RateStore, RequestId, Scope, StoreError, TenantId,
};

use crate::database::{Database, Row, Statement, Value, corrupt};
use crate::migrate::OBJECT;

/// How many reservations past their time, and how many meters that may be at rest, one call looks at.
const TIDIED: u64 = 16;

/// How many meters one statement asks for; a statement has at most a hundred parameters.
const PAGE: usize = 50;

/// How often a call begins anew because others were faster. Callers of one instance wait for each other, so this takes as
/// many instances.
const ATTEMPTS: usize = 50;

/// A [`RateStore`] over a [`Database`]: strict, and the same after a restart.
///
/// Like [`MemoryRates`](workjet_tenant::MemoryRates) it is bounded twice: what is at rest or past its time is forgotten
/// as calls come in, and when a tenant's keys or open reservations reach a cap, calls that would add one are denied until
/// something comes to rest. A call that is denied writes nothing of its own.
#[derive(Debug)]
pub struct SqlRates<D> {
    db: D,
    max_keys: usize,
    /// Callers of this instance need not find out by failing that others were faster.
    turn: futures_util::lock::Mutex<()>,
}

impl<D: Database> SqlRates<D> {
    /// Brings the database up to the schema that it needs here, and opens it, with room for 65,536 keys of each tenant and
    /// as many open reservations.
    ///
    /// # Errors
    /// [`Corrupt`](workjet_tenant::ErrorKind::Corrupt) if a later version wrote it, and whatever the database says.
    pub async fn open(db: D) -> Result<Self, StoreError> {
        OBJECT.migrate(&db).await?;
        Ok(Self {
            db,
            max_keys: 1 << 16,
            turn: futures_util::lock::Mutex::new(()),
        })
    }

    /// With room for this many keys of each tenant instead, and as many open reservations.
    #[must_use]
    pub fn with_capacity(self, max_keys: usize) -> Self {
        Self {
            max_keys: max_keys.max(1),
            ..self
        }
    }

    /// Does `work` on the book of the scope's tenant, in which `id` and `charges` stand if they stand anywhere.
    async fn on_book<T: Send>(
        &self,
        scope: &Scope,
        id: &RequestId,
        charges: &[Charge],
        now: Timestamp,
        work: impl Fn(&mut Book) -> T + Send + Sync,
    ) -> Result<T, StoreError> {
        let _turn = self.turn.lock().await;
        for _ in 0..ATTEMPTS {
            let mut book = self.load(scope, id, charges, now).await?;
            book.tidy();
            let answer = work(&mut book);
            let changes = book.changes(scope.tenant())?;
            if changes.is_empty() {
                return Ok(answer);
            }
            let answers = self.db.batch(changes).await?;
            if answers.last().is_some_and(|rows| !rows.is_empty()) {
                return Ok(answer);
            }
        }
        Err(StoreError::unavailable(
            "the rate limits of one tenant are changed from too many places at once: let one process count them",
        ))
    }

    async fn load(
        &self,
        scope: &Scope,
        id: &RequestId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Book, StoreError> {
        let own = || Value::from(scope.tenant().as_str());
        // The version first: whatever changes while the rest is read, the batch will find another one.
        let mut book = self.cover(scope, now).await?;

        let sql = "SELECT id, reservation FROM rate_reservations WHERE tenant = ?1 AND id = ?2";
        let asked = Statement::new(sql, [own(), id.as_str().into()]);
        let sql = "SELECT id, reservation FROM rate_reservations WHERE tenant = ?1 AND ends <= ?2 ORDER BY ends LIMIT ?3";
        let over = Statement::new(sql, [own(), now.into(), TIDIED.into()]);
        for statement in [asked, over] {
            for row in self.db.query(statement).await? {
                let reservation: Reservation = json(&row, "reservation")?;
                let entry = Entry {
                    stored: Some(reservation.clone()),
                    current: Some(reservation),
                };
                book.entries.insert(row.parsed("id")?, entry);
            }
        }

        let sql = "SELECT limit_key, look_at, meter FROM rate_meters WHERE tenant = ?1 AND look_at <= ?2 \
                   ORDER BY look_at LIMIT ?3";
        let due = Statement::new(sql, [own(), now.into(), TIDIED.into()]);
        for row in self.db.query(due).await? {
            book.read_slot(&row)?;
        }

        let of_entries = book.entries.values().filter_map(|entry| entry.stored.as_ref());
        let keys: BTreeSet<LimitKey> = charges
            .iter()
            .map(|charge| &charge.key)
            .chain(of_entries.flat_map(Reservation::keys))
            .filter(|key| !book.slots.contains_key(*key))
            .cloned()
            .collect();
        let keys: Vec<LimitKey> = keys.into_iter().collect();
        for page in keys.chunks(PAGE) {
            let places: Vec<_> = (2..page.len() + 2).map(|place| format!("?{place}")).collect();
            let sql = format!(
                "SELECT limit_key, look_at, meter FROM rate_meters WHERE tenant = ?1 AND limit_key IN ({})",
                places.join(", ")
            );
            let mut params = vec![own()];
            params.extend(page.iter().map(|key| key.as_str().into()));
            for row in self.db.query(Statement::new(sql, params)).await? {
                book.read_slot(&row)?;
            }
        }
        Ok(book)
    }

    async fn cover(&self, scope: &Scope, now: Timestamp) -> Result<Book, StoreError> {
        let sql =
            "SELECT version, last_ticket, meters, strangers, reservations FROM rate_books WHERE tenant = ?1";
        let rows = self
            .db
            .query(Statement::new(sql, [scope.tenant().as_str().into()]))
            .await?;
        let number = |column| rows.first().map_or(Ok(0), |row| row.number(column));
        let count = |column| number(column).and_then(|n| usize::try_from(n).map_err(|_| corrupt(column)));
        let room = Room {
            keys: count("meters")?,
            strangers: count("strangers")?,
            open: count("reservations")?,
            max: self.max_keys,
        };
        Ok(Book {
            now,
            version: number("version")?,
            last_ticket: number("last_ticket")?,
            room,
            slots: BTreeMap::new(),
            entries: BTreeMap::new(),
        })
    }
}

#[async_trait]
impl<D: Database> RateStore for SqlRates<D> {
    fn consistency(&self) -> Consistency {
        Consistency::Strict
    }

    async fn reserve(
        &self,
        scope: &Scope,
        id: &RequestId,
        charges: &[Charge],
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Decision, StoreError> {
        self.on_book(scope, id, charges, now, |book| {
            if let Some(first) = book.open(id) {
                return first.decision();
            }
            let (ticket, room) = (book.last_ticket + 1, book.room());
            match ledger::reserve(book, room, ticket, charges, now, ttl) {
                Ok(reservation) => {
                    let decision = reservation.decision();
                    book.last_ticket = ticket;
                    book.entries.entry(id.clone()).or_default().current = Some(reservation);
                    decision
                }
                Err(denial) => denial,
            }
        })
        .await
    }

    async fn settle(
        &self,
        scope: &Scope,
        id: &RequestId,
        actual: &[u64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.on_book(scope, id, &[], now, |book| {
            book.close(id, |place| actual.get(place).copied());
        })
        .await
    }

    async fn release(&self, scope: &Scope, id: &RequestId, now: Timestamp) -> Result<(), StoreError> {
        self.on_book(scope, id, &[], now, |book| book.close(id, |_| Some(0)))
            .await
    }
}

/// What a call concerns of one tenant's numbers, as it is stored and as it is to be.
struct Book {
    now: Timestamp,
    version: u64,
    last_ticket: u64,
    /// As it is stored.
    room: Room,
    slots: BTreeMap<LimitKey, Slot>,
    entries: BTreeMap<RequestId, Entry>,
}

/// A key's meter.
struct Slot {
    stored: Option<(String, Timestamp)>,
    meter: Option<Meter>,
    look_at: Timestamp,
}

/// A reservation.
#[derive(Default)]
struct Entry {
    stored: Option<Reservation>,
    current: Option<Reservation>,
}

impl Meters for Book {
    fn meter(&mut self, key: &LimitKey) -> Option<&mut Meter> {
        self.slots.get_mut(key)?.meter.as_mut()
    }

    fn add(&mut self, key: &LimitKey, meter: Meter) {
        let look_at = ledger::first_look(self.now);
        let slot = self.slots.entry(key.clone()).or_insert(Slot {
            stored: None,
            meter: None,
            look_at,
        });
        slot.meter = Some(meter);
        slot.look_at = look_at;
    }
}

impl Book {
    fn read_slot(&mut self, row: &Row) -> Result<(), StoreError> {
        let key = LimitKey::from_stored(row.text("limit_key")?.to_owned());
        let look_at = row.time("look_at")?;
        let slot = Slot {
            stored: Some((row.text("meter")?.to_owned(), look_at)),
            meter: Some(json(row, "meter")?),
            look_at,
        };
        self.slots.insert(key, slot);
        Ok(())
    }

    fn open(&self, id: &RequestId) -> Option<&Reservation> {
        self.entries.get(id)?.current.as_ref()
    }

    fn close(&mut self, id: &RequestId, actual: impl Fn(usize) -> Option<u64>) {
        let entry = self.entries.get_mut(id);
        if let Some(reservation) = entry.and_then(|entry| entry.current.take()) {
            ledger::close(self, &reservation, actual);
        }
    }

    /// Lets go of reservations whose time is over and of keys at rest.
    fn tidy(&mut self) {
        let now = self.now;
        let is_over = |entry: &Entry| entry.current.as_ref().is_some_and(|open| open.is_over(now));
        let over = self.entries.iter().filter(|(_, entry)| is_over(entry));
        for id in over.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.close(&id, |_| None);
        }
        for slot in self.slots.values_mut() {
            if let Some(meter) = slot.meter.as_ref().filter(|_| slot.look_at <= now) {
                match ledger::look(meter, slot.look_at, now) {
                    Look::Forget => slot.meter = None,
                    Look::Again(look_at) => slot.look_at = look_at,
                }
            }
        }
    }

    /// How full the store is, with what this call has changed so far.
    fn room(&self) -> Room {
        let mut room = self.room;
        for (key, slot) in &self.slots {
            let stranger = usize::from(key.is_of_strangers());
            room.keys = moved(room.keys, slot.stored.is_some(), slot.meter.is_some(), 1);
            room.strangers = moved(
                room.strangers,
                slot.stored.is_some(),
                slot.meter.is_some(),
                stranger,
            );
        }
        for entry in self.entries.values() {
            room.open = moved(room.open, entry.stored.is_some(), entry.current.is_some(), 1);
        }
        room
    }

    /// The statements that write what has changed; none if nothing has. The last one answers with a row if the book was
    /// still as it was read, and otherwise none of them does anything.
    fn changes(&self, tenant: &TenantId) -> Result<Vec<Statement>, StoreError> {
        const UNCHANGED: &str = "coalesce((SELECT version FROM rate_books WHERE tenant = ?1), 0) = ?2";
        let statement = |sql: String, rest: &[Value]| {
            let mut params = vec![tenant.as_str().into(), self.version.into()];
            params.extend_from_slice(rest);
            Statement::new(sql, params)
        };
        let mut statements = Vec::new();

        for (key, slot) in &self.slots {
            let key = Value::from(key.as_str());
            let own = format!("WHERE tenant = ?1 AND limit_key = ?3 AND {UNCHANGED}");
            let Some(meter) = &slot.meter else {
                if slot.stored.is_some() {
                    statements.push(statement(format!("DELETE FROM rate_meters {own}"), &[key]));
                }
                continue;
            };
            let meter = serde_json::to_string(meter).map_err(|_| corrupt("meter"))?;
            match &slot.stored {
                None => statements.push(statement(
                    format!(
                        "INSERT INTO rate_meters (tenant, limit_key, look_at, meter) SELECT ?1, ?3, ?4, ?5 \
                         WHERE {UNCHANGED}"
                    ),
                    &[key, slot.look_at.into(), meter.into()],
                )),
                Some((_, look_at)) if *look_at != slot.look_at => statements.push(statement(
                    format!("UPDATE rate_meters SET look_at = ?4, meter = ?5 {own}"),
                    &[key, slot.look_at.into(), meter.into()],
                )),
                Some((stored, _)) if *stored != meter => statements.push(statement(
                    format!("UPDATE rate_meters SET meter = ?4 {own}"),
                    &[key, meter.into()],
                )),
                Some(_) => {}
            }
        }

        for (id, entry) in &self.entries {
            let id = Value::from(id.as_str());
            match &entry.current {
                Some(current) if entry.stored.as_ref() != Some(current) => {
                    let reservation = serde_json::to_string(current).map_err(|_| corrupt("reservation"))?;
                    statements.push(statement(
                        format!(
                            "INSERT INTO rate_reservations (tenant, id, ends, reservation) SELECT ?1, ?3, ?4, ?5 \
                             WHERE {UNCHANGED} ON CONFLICT (tenant, id) \
                             DO UPDATE SET ends = excluded.ends, reservation = excluded.reservation"
                        ),
                        &[id, current.ends().into(), reservation.into()],
                    ));
                }
                None if entry.stored.is_some() => statements.push(statement(
                    format!("DELETE FROM rate_reservations WHERE tenant = ?1 AND id = ?3 AND {UNCHANGED}"),
                    &[id],
                )),
                _ => {}
            }
        }

        if !statements.is_empty() {
            let room = self.room();
            let count = |n: usize| Value::from(n as u64);
            statements.push(statement(
                format!(
                    "INSERT INTO rate_books (tenant, version, last_ticket, meters, strangers, reservations) \
                     SELECT ?1, ?2 + 1, ?3, ?4, ?5, ?6 WHERE {UNCHANGED} ON CONFLICT (tenant) DO UPDATE SET \
                     version = excluded.version, last_ticket = excluded.last_ticket, meters = excluded.meters, \
                     strangers = excluded.strangers, reservations = excluded.reservations RETURNING version"
                ),
                &[
                    self.last_ticket.into(),
                    count(room.keys),
                    count(room.strangers),
                    count(room.open),
                ],
            ));
        }
        Ok(statements)
    }
}

/// A count after one thing more or less.
fn moved(count: usize, was: bool, is: bool, by: usize) -> usize {
    match (was, is) {
        (false, true) => count + by,
        (true, false) => count.saturating_sub(by),
        _ => count,
    }
}

fn json<T: for<'de> serde::Deserialize<'de>>(row: &Row, column: &str) -> Result<T, StoreError> {
    serde_json::from_str(row.text(column)?).map_err(|_| corrupt(column))
}
