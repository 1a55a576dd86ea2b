//! What is done to a file as a whole, by who does not serve it: to bring it up to date, copy it, hold it
//! against its journal, make it anew.

use super::trouble::Trouble;
use super::{SqliteStore, backup, check, connection, load, make_folder, rebuild, schema};
use crate::{Migration, OpenError, Progress, Rebuilt, Report};
use std::path::Path;

impl SqliteStore {
    /// What would be applied to a file when it is opened: all there is where there is no file, which
    /// is not made. Changes nothing.
    pub fn migrations_due(path: impl AsRef<Path>) -> Result<&'static [Migration], OpenError> {
        let path = path.as_ref();
        let look = || match path.try_exists() {
            Ok(true) => schema::due(&connection::looking(path)?),
            Ok(false) => Ok(schema::all()),
            Err(error) => Err(Trouble::broken(error)),
        };
        look().map_err(|cause| OpenError::of(path.display(), cause))
    }

    /// Brings a file up to date, as opening it does, creating it if need be; what was applied.
    pub fn migrate(path: impl AsRef<Path>) -> Result<&'static [Migration], OpenError> {
        let path = path.as_ref();
        let migrate = || schema::migrate(&mut connection::writing(path)?);
        make_folder(path)
            .and_then(|()| migrate())
            .map_err(|cause| OpenError::of(path.display(), cause))
    }

    /// Copies a file beside whoever uses it, as of one moment, to a place where nothing is yet; how
    /// many bytes the copy has. It holds every write answered before, is durable, and readable by its
    /// owner only.
    pub fn back_up(
        path: impl AsRef<Path>,
        to: impl AsRef<Path>,
        progress: &dyn Progress,
    ) -> Result<u64, OpenError> {
        backup::back_up(path.as_ref(), to.as_ref(), progress)
    }

    /// Puts a copy of `from`, brought up to date, in the place of a file, if it is as it must be: see
    /// the report. A file that is there is left alone unless `replace`, and always while it is in use.
    pub fn restore(
        path: impl AsRef<Path>,
        from: impl AsRef<Path>,
        replace: bool,
        progress: &dyn Progress,
    ) -> Result<Report, OpenError> {
        backup::restore(path.as_ref(), from.as_ref(), replace, progress)
    }

    /// Looks at a file beside whoever uses it, changing nothing, as of one moment: as
    /// [`Store::check`](crate::Store::check), of the tenant of this name or of the whole file. If a hub
    /// uses it, a copy of its pages is looked at, which stands in the same folder for the moment, so that
    /// the hub need not keep in its log whatever it writes meanwhile. About `at_once` customers are held in
    /// memory.
    pub fn check(
        path: impl AsRef<Path>,
        only: Option<&str>,
        at_once: u32,
        progress: &dyn Progress,
    ) -> Result<Report, OpenError> {
        let path = path.as_ref();
        let look = || {
            let mut conn = connection::looking(path)?;
            if connection::is_served(path)? {
                conn = backup::aside(&conn, path, progress)?;
            }
            let tx = conn.transaction()?;
            schema::check_current(&tx)?;
            let only = load::tenant_named(&tx, only)?;
            check::check(&tx, only, at_once, progress)
        };
        look().map_err(|cause| OpenError::of(path.display(), cause))
    }

    /// Whether a hub uses a file, as far as can be told. Who writes to it as well had better leave
    /// it time: none of them waits in the queue of another.
    pub fn is_served(path: impl AsRef<Path>) -> bool {
        connection::is_served(path.as_ref()).unwrap_or(true)
    }

    /// Makes the rows of a file anew from its journal, where they are not what it says, in one
    /// transaction. Nobody else may have the file open. What a journal does not hold stays: texts
    /// of identities, tenants, apps, webhooks. About `at_once` customers are held in memory.
    pub fn rebuild(
        path: impl AsRef<Path>,
        only: Option<&str>,
        at_once: u32,
        progress: &dyn Progress,
    ) -> Result<Rebuilt, OpenError> {
        let path = path.as_ref();
        rebuild::rebuild(path, only, at_once, progress)
            .map_err(|cause| OpenError::of(path.display(), cause))
    }
}
