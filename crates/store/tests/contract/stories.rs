//! The stories that people read (`scenarios` of the core), told to an engine beside the hub without a world
//! that they were written down from: each answer, and all that is kept in the end, is the same.

use crate::hub::Hub;
use crate::support::Rig;
use kehub_core::command::Request;
use kehub_core::outcome::Outcome;
use kehub_core::policy::Preset;
use kehub_store::Batch;
use std::path::Path;

/// What a text tells to a hub of a preset: the headings, each with its lines.
fn stories(text: &str, preset: Preset) -> Vec<(&str, Vec<&str>)> {
    let mut stories = Vec::new();
    let mut is_told = None;
    for line in text.lines() {
        match (is_told, line.strip_prefix("```")) {
            (None, Some(told_to)) => is_told = Some([preset.name(), "both"].contains(&told_to)),
            (Some(_), Some(_)) => is_told = None,
            (None, None) if line.starts_with('#') => stories.push((line, Vec::new())),
            (Some(true), None) if !line.trim().is_empty() => {
                stories.last_mut().unwrap().1.push(line);
            }
            _ => (),
        }
    }
    stories.retain(|(_, lines)| !lines.is_empty());
    stories
}

async fn tell(rig: &Rig, name: &str, preset: Preset, lines: &[&str]) {
    let (mut hub, tenant) = (Hub::new(preset), rig.tenant(name, preset).await);
    for line in lines {
        let asked = line.split('→').next().unwrap().trim_end();
        let Some((command, dry_run)) = hub.command(asked) else { continue };
        let request = Request { dry_run, ..hub.request(command) };
        let expected = hub.decide(&request);
        let batch = Batch::one(Request { tenant, ..request });
        let mut found = rig.store.apply(batch).await.unwrap().remove(0);
        // Whose policy it is differs.
        if let (Outcome::Policy(found), Outcome::Policy(expected)) = (&mut found, &expected) {
            found.tenant = expected.tenant.clone();
        }
        assert_eq!(found, expected, "{name}: {line}");
    }
    let found = rig.store.snapshot(tenant).await.unwrap();
    assert_eq!(found, hub.tenant().snapshot(), "{name}");
}

pub(crate) async fn every_story_is_answered_and_kept_as_it_is_told(rig: &Rig) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut told = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let called = file.file_stem().unwrap().to_string_lossy();
        for preset in [Preset::Compat, Preset::Guarded] {
            for (heading, lines) in stories(&text, preset) {
                told += 1;
                let name = format!("{told} {called} {} {heading}", preset.name());
                tell(rig, &name, preset, &lines).await;
            }
        }
    }
    assert!(told > 100, "{told} stories");
}
