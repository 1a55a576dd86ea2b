/// <reference path="../pb_data/types.d.ts" />

// What acknowledged means here as with the others: on disk. PocketBase itself asks for less.
onBootstrap((e) => {
  e.next();
  e.app.nonconcurrentDB().newQuery("PRAGMA synchronous = FULL").execute();
});

// The upsert that somebody would write who keeps customers in PocketBase: finds the owners of the
// identities, joins them into the first one, else looks for the mobile and the e-mail address, else makes a
// customer; what is sent overwrites; free identities are attached; what was sent is kept.
routerAdd("POST", "/upserts", (e) => {
  const body = e.requestInfo().body;
  const sent = body.customer;
  const identities = body.customerIdentities.filter((it) => it.identityValue !== "unknown");
  let id = null;
  e.app.runInTransaction((app) => {
    const owners = [];
    const free = [];
    for (const it of identities) {
      try {
        const known = app.findFirstRecordByFilter("identities", "type = {:type} && value = {:value}",
          { type: it.identityType, value: it.identityValue });
        const owner = known.get("customer");
        if (!owners.includes(owner)) owners.push(owner);
      } catch (_) {
        free.push(it);
      }
    }
    let customer = null;
    if (owners.length > 0) {
      customer = app.findRecordById("customers", owners[0]);
      for (const other of owners.slice(1)) {
        for (const identity of app.findAllRecords("identities", $dbx.hashExp({ customer: other }))) {
          identity.set("customer", customer.id);
          app.save(identity);
        }
        const merged = app.findRecordById("customers", other);
        merged.set("mergedInto", customer.id);
        app.save(merged);
      }
    } else {
      for (const key of ["mobile", "email"]) {
        if (customer || !sent[key]) continue;
        try {
          customer = app.findFirstRecordByFilter("customers", `${key} = {:value} && mergedInto = ""`,
            { value: sent[key] });
        } catch (_) {}
      }
    }
    if (!customer) customer = new Record(app.findCollectionByNameOrId("customers"));
    for (const key in sent) customer.set(key, sent[key]);
    customer.set("rev", customer.get("rev") + 1);
    app.save(customer);
    const collection = app.findCollectionByNameOrId("identities");
    for (const it of free) {
      const identity = new Record(collection);
      identity.set("type", it.identityType);
      identity.set("value", it.identityValue);
      identity.set("name", it.identityName || "");
      identity.set("customer", customer.id);
      app.save(identity);
    }
    const history = new Record(app.findCollectionByNameOrId("history"));
    history.set("customer", customer.id);
    history.set("sent", body);
    app.save(history);
    id = customer.id;
  });
  return e.json(200, { id });
});
