//! Customers as files. A walk of the store becomes rows, whoever asks for it: [`options`] says of which
//! kind, [`columns`] what stands in them; [`csv`], [`lines`] and [`xlsx`] write them, [`sink`] packs what
//! was written. Nothing is held but the customers that are being written.

mod columns;
mod csv;
mod lines;
pub(crate) mod options;
mod sink;
mod xlsx;

pub(crate) use options::{Asked, Compression, Format, Options};

use kehub_store::{StoreError, Walk, WholeCustomer};
use rust_xlsxwriter::XlsxError;
use sink::Sink;
use std::io::{self, Write};
use std::ops::ControlFlow;
use tokio::runtime::Handle;

/// What is written to.
pub(crate) type Out = Box<dyn Write + Send>;

/// Why an export did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The store could not go on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was written could not be put where it belongs.
    #[error("cannot write: {0}")]
    Io(#[from] io::Error),
    /// The file cannot hold it.
    #[error("cannot write a spreadsheet: {0}")]
    Xlsx(#[from] XlsxError),
    /// Somebody has asked it to stop.
    #[error("it was interrupted")]
    Stopped,
}

/// Who writes customers in one of the formats.
trait Writer {
    /// Writes a customer.
    fn customer(&mut self, customer: &WholeCustomer) -> Result<(), ExportError>;

    /// Writes what comes behind the last one.
    fn end(self: Box<Self>) -> Result<Sink, ExportError>;
}

/// Writes all that a walk tells, on a thread that may wait; how many customers that were. `tell` hears
/// how many of how many are written, and says whether to go on.
pub(crate) fn write(
    mut walk: Walk,
    options: &Options,
    out: Out,
    runtime: &Handle,
    tell: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<u64, ExportError> {
    let outline = runtime.block_on(walk.outline())?;
    let sink = Sink::new(options.compression, out)?;
    let mut writer: Box<dyn Writer> = match options.format {
        Format::Csv => Box::new(csv::CsvWriter::new(options, &outline, sink)?),
        Format::Ndjson => Box::new(lines::LineWriter::new(options, sink)),
        Format::Xlsx => Box::new(xlsx::XlsxWriter::new(options, &outline, sink)?),
    };
    let mut done = 0;
    if tell(done, outline.customers).is_break() {
        return Err(ExportError::Stopped);
    }
    while let Some(customers) = runtime.block_on(walk.next())? {
        for customer in &customers {
            writer.customer(customer)?;
        }
        done += u64::try_from(customers.len()).unwrap_or(u64::MAX);
        if tell(done, outline.customers).is_break() {
            return Err(ExportError::Stopped);
        }
    }
    // The store need not keep its moment for what is left to do.
    drop(walk);
    writer.end()?.finish()?.flush()?;
    Ok(done)
}
