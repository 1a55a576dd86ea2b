//! Making an export: on a thread that may wait, as fast as the store tells and the disk takes it, however
//! slowly anybody reads. So the store need not keep its moment for readers.

use super::growing::Writing;
use crate::export::{self, ExportError, Options};
use crate::server::Hub;
use crate::server::problem::Problem as Around;
use kehub_store::Walk;
use std::io;
use std::ops::ControlFlow;
use tokio::runtime::Handle;
use tracing::{debug, warn};

/// Makes the export of this id of a walk. It goes on when its client has gone away, who may come back; it
/// ends early if the export is not kept any more, and nobody reads it.
pub(super) fn make(hub: &Hub, id: &str, walk: Walk, options: Options, file: Writing) {
    let (hub, id, runtime) = (hub.clone(), id.to_owned(), Handle::current());
    tokio::task::spawn_blocking(move || {
        let mut goes_on = |_: u64, _: u64| {
            if file.is_wanted() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let out = Box::new(file.clone());
        match export::write(walk, &options, out, &runtime, &mut goes_on) {
            Ok(_) => {
                hub.exports().keep_whole(&id, hub.clock().now());
                file.end();
            }
            Err(error) => {
                // Before readers hear of it.
                hub.exports().forget(&id);
                tell(error);
            }
        }
    });
}

/// Tells the log why an export broke off. Its readers hear it by the missing end.
fn tell(error: ExportError) {
    match error {
        ExportError::Store(trouble) => {
            let _logged = Around::from(trouble);
        }
        ExportError::Stopped => debug!("nobody wants an export any more"),
        ExportError::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            debug!("nobody wants an export any more");
        }
        error @ (ExportError::Io(_) | ExportError::Xlsx(_)) => {
            warn!(%error, "an export broke off");
        }
    }
}
